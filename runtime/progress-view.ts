/** What a run can say of itself at one moment. Counts are since the start. */
export type ProgressState = {
  readonly elapsedMs: number;
  readonly eventsRead: number;
  /** Events there are to read; null for a stream without an end. */
  readonly eventsTotal: number | null;
  /** Over the last moments, not since the start. */
  readonly eventsPerSecond: number;
  /** Event time reached, ms since the epoch; null before the first event is through. */
  readonly eventTimeMs: number | null;
  /** Newest event time seen minus the one reached. */
  readonly lagMs: number | null;
  readonly late: number;
  readonly duplicates: number;
  readonly malformed: number;
  readonly emitted: number;
  readonly memoryBytes: number;
  /** Where keys are, once some are not in memory; null or absent: all are. */
  readonly state?: string | null;
  /** What the command adds: a short name, and a line. */
  readonly note?: { readonly name: string; readonly text: string };
};

/** The part of a terminal that the view needs; `process.stderr` has it. */
export type ProgressOutput = {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly write: (text: string) => unknown;
};

/** On a terminal the block is drawn anew so often; elsewhere a line is added so often. */
const REDRAW_MS = 200;
const LINE_EVERY_MS = 5_000;
/** Width where the terminal does not say. */
const COLUMNS_DEFAULT = 100;

/** The state as a few short lines, for a terminal. */
export function renderProgress(state: ProgressState): string[] {
  const done = state.eventsTotal === null ? '' : ` of ${grouped(state.eventsTotal)}`;
  return [
    `events      ${grouped(state.eventsRead)}${done}   ${grouped(state.eventsPerSecond)} /s`,
    `event time  ${timeText(state.eventTimeMs)}   lag ${durationText(state.lagMs)}`,
    `set aside   ${grouped(state.late)} late, ${grouped(state.duplicates)} duplicate, ` +
      `${grouped(state.malformed)} malformed`,
    `examples    ${grouped(state.emitted)}   memory ${megabytes(state.memoryBytes)}   ` +
      `elapsed ${durationText(state.elapsedMs)}`,
    ...(state.state == null ? [] : [`state       ${state.state}`]),
    ...(state.note === undefined ? [] : [`${state.note.name.padEnd(12)}${state.note.text}`]),
  ];
}

/** The same in one line, for a log. */
function renderProgressLine(state: ProgressState): string {
  return [
    `${durationText(state.elapsedMs)}: ${grouped(state.eventsRead)} events`,
    `${grouped(state.eventsPerSecond)} /s`,
    `at ${timeText(state.eventTimeMs)}`,
    `lag ${durationText(state.lagMs)}`,
    `${grouped(state.late)} late`,
    `${grouped(state.duplicates)} duplicate`,
    `${grouped(state.malformed)} malformed`,
    `${grouped(state.emitted)} examples`,
    megabytes(state.memoryBytes),
    ...(state.state == null ? [] : [`state: ${state.state}`]),
    ...(state.note === undefined ? [] : [`${state.note.name}: ${state.note.text}`]),
  ].join(', ');
}

/**
 * Shows progress: on a terminal a block that is drawn over itself, elsewhere a plain line every
 * five seconds. It shows a state or skips it, by the state's own `elapsedMs`; it owns no timer.
 */
export class ProgressView {
  readonly #output: ProgressOutput;
  #shownMs = Number.NEGATIVE_INFINITY;
  #linesDrawn = 0;

  constructor(output: ProgressOutput) {
    this.#output = output;
  }

  show(state: ProgressState): void {
    const everyMs = this.#output.isTTY ? REDRAW_MS : LINE_EVERY_MS;
    if (state.elapsedMs - this.#shownMs < everyMs) return;
    this.#draw(state);
  }

  /** Shows the last state, whenever the one before it was. */
  finish(state: ProgressState): void {
    this.#draw(state);
    this.#linesDrawn = 0;
  }

  #draw(state: ProgressState): void {
    this.#shownMs = state.elapsedMs;
    if (!this.#output.isTTY) {
      this.#output.write(`${renderProgressLine(state)}\n`);
      return;
    }
    // A line that wraps would break the count of lines to go up, hence the cut.
    const width = (this.#output.columns ?? COLUMNS_DEFAULT) - 1;
    const lines = renderProgress(state).map((line) => `\u001b[2K${line.slice(0, width)}\n`);
    const up = this.#linesDrawn > 0 ? `\u001b[${this.#linesDrawn}A` : '';
    this.#output.write(up + lines.join(''));
    this.#linesDrawn = lines.length;
  }
}

function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

function timeText(timeMs: number | null): string {
  return timeMs === null ? '-' : `${new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')}`;
}

function durationText(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)}s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)}m ${Math.floor((ms % 60_000) / 1_000)}s`;
  return `${Math.floor(ms / 3_600_000)}h ${Math.floor((ms % 3_600_000) / 60_000)}m`;
}

function megabytes(bytes: number): string {
  return `${grouped(bytes / 1_048_576)} MiB`;
}
