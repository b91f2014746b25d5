/** The rows of an example set for each anchor: labels due together in one row, sampling, audit (S14). */
import type { LogicalExamples } from '../../compiler/check/logical.ts';
import type { StreamEvent } from './events.ts';
import { passes } from './expression.ts';
import { Features, type FeatureWorld } from './features.ts';
import { eventScope, type History } from './history.ts';
import { type Ends, firstDue, LabelCourse } from './label-course.ts';
import { emissionsOf, type PolicyCourse } from './policy.ts';
import { compare, inShare, type Value } from './value.ts';

export type EmittedLabelJson = {
  readonly value: number | null;
  readonly kind: string;
  readonly was?: number;
  readonly at_wait?: 0 | 1 | null;
  readonly ever?: 0 | 1 | null;
};

/** A row as the NDJSON sink prints it, keys in its order. */
export type ExampleRowJson = {
  readonly id: string;
  readonly time: number;
  readonly emitted: number;
  readonly kind?: 'shown' | 'audit';
  readonly labels: Readonly<Record<string, EmittedLabelJson>>;
  readonly features: Readonly<Record<string, Value>>;
  readonly sample_rate: number;
};

/** Anchors with something due that the run does not come to: by label, and of audit rows. */
export type Pending = {
  readonly labels: readonly { readonly name: string; readonly anchors: number }[];
  readonly audit: number;
};

type Course = PolicyCourse & {
  readonly course: LabelCourse;
  readonly as: string;
  readonly isNow: boolean;
};

export function examplesOf(
  set: LogicalExamples,
  world: FeatureWorld,
  ends: Ends,
): { rows: readonly ExampleRowJson[]; pending: Pending } {
  const { history, credits } = world;
  const features = new Features(world);
  const rows: ExampleRowJson[] = [];
  const pending = { labels: set.labels.map(({ as }) => ({ name: as, anchors: 0 })), audit: 0 };
  const { idField } = history.program.streams.find(({ name }) => name === set.anchor.stream) ?? {};
  for (const anchor of anchorsOf(set, history)) {
    const id = anchor.fields.get(idField ?? '');
    if (typeof id !== 'string') throw new Error('an anchor has a text as its id');
    const frozen = Object.fromEntries(
      set.features.map(({ as, value }) => [as, features.at(anchor, value)]),
    );
    const of = new AnchorRows(set, { id, time: anchor.time }, frozen, ends);
    const courses = set.labels.map(({ as, label, policy }): Course => {
      const logical = history.program.labels.find(({ name }) => name === label);
      if (logical === undefined) throw new Error(`no label ${label}`);
      const course = new LabelCourse(history.program, logical, anchor, credits);
      const isNow = policy.kind === 'now_then_late';
      return { ...emissionsOf(policy, course, anchor.time, ends), course, as, isNow };
    });
    rows.push(...of.all(courses));
    for (const [l, course] of courses.entries()) if (course.pending) pending.labels[l].anchors++;
    if (of.auditPending) pending.audit++;
  }
  rows.sort((a, b) => a.emitted - b.emitted || a.time - b.time || compare(a.id, b.id));
  return { rows, pending };
}

function anchorsOf(set: LogicalExamples, history: History): readonly StreamEvent[] {
  const { stream, where } = set.anchor;
  const events = history.events.get(stream) ?? [];
  return events.filter((event) => !event.labelOnly && passes(where, eventScope(event)));
}

class AnchorRows {
  auditPending = false;
  readonly #set: LogicalExamples;
  readonly #id: string;
  readonly #time: number;
  readonly #features: ExampleRowJson['features'];
  readonly #ends: Ends;

  constructor(
    set: LogicalExamples,
    { id, time }: { readonly id: string; readonly time: number },
    features: ExampleRowJson['features'],
    ends: Ends,
  ) {
    this.#set = set;
    this.#id = id;
    this.#time = time;
    this.#features = features;
    this.#ends = ends;
  }

  /** In the order of their emission times. */
  all(courses: readonly Course[]): ExampleRowJson[] {
    const { name, sampleNegatives, audit } = this.#set;
    const kept = sampleNegatives >= 1 || inShare(name, this.#id, sampleNegatives);
    if (courses.length === 0) {
      return kept ? [this.#row(this.#time, undefined, {}, sampleNegatives)] : [];
    }
    const isAudited = audit > 0 && (audit >= 1 || inShare(`audit${name}`, this.#id, audit));
    const rows: ExampleRowJson[] = [];
    if (isAudited) rows.push(this.#row(this.#time, 'shown', {}, audit));
    let positive = false;
    for (const { at, labels } of dueTogether(courses)) {
      positive ||= Object.values(labels).some(({ value }) => (value ?? 0) > 0);
      if (positive || kept)
        rows.push(this.#row(at, undefined, labels, positive ? 1 : sampleNegatives));
    }
    if (isAudited) rows.push(...this.#audit(courses));
    return rows;
  }

  #audit(courses: readonly Course[]): ExampleRowJson[] {
    const due = firstDue((at) =>
      Math.max(
        this.#time,
        ...courses.flatMap(({ course }) => {
          const { unless } = course.label;
          const deadline = course.deadline(at);
          return unless === null ? [deadline] : [deadline, course.newest(at) + unless.withinMs];
        }),
      ),
    );
    const goes = courses.map(({ course }) =>
      course.isComplete(due, this.#ends) ? due : course.heldUntil(due, this.#ends),
    );
    if (goes.includes(null)) {
      this.auditPending = true;
      return [];
    }
    const at = Math.max(...goes.map((time) => time ?? 0));
    const labels = Object.fromEntries(
      courses.map((each) => [each.as, this.#audited(each, due, at)]),
    );
    return [this.#row(at, 'audit', labels, this.#set.audit)];
  }

  #audited({ course, wait, isNow }: Course, due: number, at: number): EmittedLabelJson {
    if (!course.isComplete(due, this.#ends)) {
      return { value: null, kind: 'unknown', at_wait: null, ever: null };
    }
    const atWait = !isNow && wait <= at && course.isOne(wait);
    const ever = course.changes().some((time) => time <= at && course.isOne(time));
    return {
      value: course.value(due),
      kind: 'audit',
      at_wait: atWait ? 1 : 0,
      ever: ever ? 1 : 0,
    };
  }

  #row(
    emitted: number,
    kind: 'shown' | 'audit' | undefined,
    labels: ExampleRowJson['labels'],
    sampleRate: number,
  ): ExampleRowJson {
    return {
      id: this.#id,
      time: this.#time,
      emitted,
      ...(kind === undefined ? {} : { kind }),
      labels,
      features: this.#features,
      sample_rate: sampleRate,
    };
  }
}

/** Emissions by time; a label that emits twice at one time has its second value in a second row. */
function dueTogether(
  courses: readonly Course[],
): { at: number; labels: Record<string, EmittedLabelJson> }[] {
  const times = new Set(courses.flatMap(({ emitted }) => emitted.map(({ at }) => at)));
  return [...times]
    .sort((a, b) => a - b)
    .flatMap((at) => {
      const rows: Record<string, EmittedLabelJson>[] = [];
      for (const { as, emitted } of courses) {
        const mine = emitted.filter((each) => each.at === at);
        for (const [row, { at: _, ...label }] of mine.entries()) {
          rows[row] = { ...rows[row], [as]: label };
        }
      }
      return rows.map((labels) => ({ at, labels }));
    });
}
