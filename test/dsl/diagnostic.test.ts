import { describe, expect, it } from 'vitest';
import {
  type Diagnostic,
  diagnosticJson,
  hasErrors,
  renderDiagnostic,
  sortDiagnostics,
} from '../../dsl/diagnostic.ts';
import { lineAt, positionAt } from '../../dsl/span.ts';
import { didYouMean } from '../../dsl/suggest.ts';

const text = 'stream a from "t" {\n\tid i : strng\n}\n';
const files = new Map([['a.feat', text]]);

function diagnostic(start: number, end: number, more: Partial<Diagnostic> = {}): Diagnostic {
  const span = { file: 'a.feat', start, end };
  return {
    code: 'unknown-type',
    severity: 'error',
    span,
    message: 'no such type',
    hint: null,
    ...more,
  };
}

describe('renderDiagnostic', () => {
  it('shows the place, the line, carets and the hint', () => {
    const start = text.indexOf('strng');
    const shown = renderDiagnostic(
      diagnostic(start, start + 5, { hint: 'did you mean `string`?' }),
      files,
    );
    expect(shown).toBe(
      [
        'a.feat:2:9 error unknown-type: no such type',
        '  \tid i : strng',
        '  \t       ^^^^^',
        '  hint: did you mean `string`?',
      ].join('\n'),
    );
  });

  it('keeps to the first line of a long span, and marks an empty one', () => {
    expect(renderDiagnostic(diagnostic(0, text.length), files)).toContain(`\n  ${'^'.repeat(19)}`);
    expect(renderDiagnostic(diagnostic(text.length, text.length), files)).toBe(
      'a.feat:4:1 error unknown-type: no such type\n  \n  ^',
    );
  });

  it('cuts very long lines around the place', () => {
    const long = new Map([['a.feat', `${'x'.repeat(5_000)}!${'y'.repeat(5_000)}`]]);
    const [, line, carets] = renderDiagnostic(diagnostic(5_000, 5_001), long).split('\n');
    expect(line!.length).toBeLessThan(200);
    expect(line![carets!.indexOf('^')]).toBe('!');
  });

  it('manages without the text', () => {
    expect(renderDiagnostic(diagnostic(3, 4), new Map())).toBe(
      'a.feat error unknown-type: no such type',
    );
  });
});

describe('diagnostics', () => {
  it('as JSON have lines and columns from 1', () => {
    const start = text.indexOf('strng');
    expect(diagnosticJson(diagnostic(start, start + 5), files)).toEqual({
      code: 'unknown-type',
      severity: 'error',
      file: 'a.feat',
      line: 2,
      column: 9,
      endLine: 2,
      endColumn: 14,
      message: 'no such type',
      hint: null,
    });
  });

  it('sort by place, and only errors stop', () => {
    const list = [diagnostic(9, 10), diagnostic(2, 5), diagnostic(2, 3)];
    expect(sortDiagnostics(list).map((d) => [d.span.start, d.span.end])).toEqual([
      [2, 3],
      [2, 5],
      [9, 10],
    ]);
    expect(hasErrors(list)).toBe(true);
    expect(hasErrors([diagnostic(1, 2, { severity: 'warning' })])).toBe(false);
  });
});

describe('places', () => {
  it('count from 1, and agree with the lines of the text', () => {
    const lines = text.split('\n');
    for (let offset = 0; offset <= text.length; offset++) {
      const { line, column } = positionAt(text, offset);
      const before = text.slice(0, offset).split('\n');
      expect([line, column]).toEqual([before.length, before[before.length - 1]!.length + 1]);
      expect(lineAt(text, offset)).toBe(lines[line - 1]);
    }
  });
});

describe('didYouMean', () => {
  it('finds the nearest name, but no far one', () => {
    const names = ['user_imps', 'user_clicks', 'spend'];
    expect(didYouMean('user_imp', names)).toBe('user_imps');
    expect(didYouMean('usre_imps', names)).toBe('user_imps');
    expect(didYouMean('Spend', names)).toBe('spend');
    expect(didYouMean('revenue', names)).toBeNull();
    expect(didYouMean('spend', names)).toBeNull();
    expect(didYouMean('a', ['b', 'c'])).toBe('b');
    expect(didYouMean('', names)).toBeNull();
  });
});
