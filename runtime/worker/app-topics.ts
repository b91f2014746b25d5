/** The topics of an application: what it is called decides what they are called. */
import type { Plan } from '../../compiler/plan/plan.ts';
import { safeName } from '../sink/sink.ts';

export type AppTopics = {
  /** A partition per unit: what is committed. */
  readonly progress: string;
  /** A partition per unit: what came from a clock or a person. */
  readonly decisions: string;
  /** A partition per unit: entries between scans and shards; an application of one unit has none. */
  readonly exchange: string;
  /** Late and malformed records, rows that broke a check. */
  readonly dead: string;
  /** By example set: as the program says, or by its name. */
  readonly examples: readonly string[];
  /** The group that shares out units. */
  readonly group: string;
};

export function appTopics(app: string, plan: Plan): AppTopics {
  return {
    progress: progressTopic(app),
    decisions: decisionsTopic(app),
    exchange: `${app}.exchange`,
    dead: `${app}.dead`,
    examples: plan.examples.map(({ name, set, topic }) => {
      // A set that took the place of another is `set.2`, and its topic as well.
      const generation = name.slice((set ?? name).length);
      return topic === null ? `${app}.${safeName(name)}` : `${topic}${generation}`;
    }),
    group: `${app}.workers`,
  };
}

export function progressTopic(app: string): string {
  return `${app}.progress`;
}

export function decisionsTopic(app: string): string {
  return `${app}.decisions`;
}

/** Who holds it may commit for the unit. */
export function transactionalId(app: string, unit: number): string {
  return `${app}-${unit}`;
}
