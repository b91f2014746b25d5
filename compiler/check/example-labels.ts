/** The labels of an example set and the policy by which each is emitted. */
import type { ExamplesDecl, Name, PolicyNode, Span } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-examples.ts';
import * as sayLabels from '../../dsl/messages-labels.ts';
import * as sayNames from '../../dsl/messages-names.ts';
import * as sayStreams from '../../dsl/messages-streams.ts';
import { showDuration } from '../show-duration.ts';
import type { ItemContext } from './items.ts';
import { namedAnchors } from './label-anchors.ts';
import type { LogicalExamples, LogicalLabel, Policy } from './logical.ts';
import type { StreamView } from './streams.ts';
import { namesOf } from './symbols.ts';

/** The labels in the order written. `anchor` null: it is unknown, and only names are checked. */
export function exampleLabels(
  decl: ExamplesDecl,
  anchor: StreamView | null,
  context: ItemContext,
): LogicalExamples['labels'] {
  const { symbols, labels, report } = context;
  const first = new Map<string, Span>();
  const found: { as: string; label: string; policy: Policy }[] = [];
  for (const { label, policy } of decl.labels) {
    const declared = symbols.values.get(label.text);
    const before = first.get(label.text);
    if (declared === undefined) {
      report.add(sayNames.unknownName(label, 'label', namesOf(symbols, 'label')));
    } else if (declared.kind !== 'label') {
      report.add(sayNames.wrongKind(label, 'label', declared.kind, null));
    } else if (before !== undefined) {
      report.add(say.labelTwice(label, report.place(before)));
    } else if (anchor !== null && fitsAnchor(label, anchor, context)) {
      const logical = labels.forAnchor(label.text, anchor.name);
      checkPolicy(policy, logical, context);
      if (logical !== null) {
        found.push({ as: label.text, label: logical.name, policy: plainPolicy(policy) });
      }
    }
    if (before === undefined) first.set(label.text, label.span);
  }
  return found;
}

/** Reports a label whose routes, or whose parents' routes, name anchors that these are not. */
function fitsAnchor(
  label: Name,
  anchor: StreamView,
  { symbols, streams, report }: ItemContext,
): boolean {
  const seen = new Set([label.text]);
  for (const name of seen) {
    const decl = symbols.values.get(name);
    if (decl?.kind !== 'label') continue;
    const other = namedAnchors(decl, streams).find((n) => !anchor.chain.includes(n));
    if (other !== undefined) {
      report.add(sayLabels.otherAnchor(label.span, label.text, other, anchor.name));
      return false;
    }
    for (const route of decl.routes) if (route.of !== null) seen.add(route.of.text);
  }
  return true;
}

function checkPolicy(policy: PolicyNode, label: LogicalLabel | null, context: ItemContext): void {
  const { labels, report } = context;
  if (policy.kind === 'wait_horizon' || policy.kind === 'now_then_late') return;
  if (policy.wait.ms <= 0) report.add(sayStreams.notPositive(policy.wait.span, 'a wait'));
  if (label === null) return;
  const horizonMs = labels.horizonMs(label);
  const of = {
    label: label.name.split('@')[0]!,
    wait: policy.wait.text,
    horizon: showDuration(horizonMs),
  };
  if (policy.kind === 'wait' && policy.wait.ms < horizonMs) {
    report.add(say.waitBelowHorizon(policy.span, of));
  } else if (policy.kind === 'wait' && policy.wait.ms > horizonMs) {
    report.add(say.waitBeyondHorizon(policy.span, of));
  } else if (policy.kind !== 'wait' && policy.wait.ms > horizonMs) {
    report.add(say.nothingAfterWait(policy.span, of));
  }
}

function plainPolicy(node: PolicyNode): Policy {
  switch (node.kind) {
    case 'wait_horizon':
    case 'now_then_late':
      return { kind: node.kind };
    case 'wait':
    case 'wait_then_late':
    case 'wait_then_everything':
      return { kind: node.kind, waitMs: node.wait.ms };
  }
}
