/** The first entries of a run's decision log. */
import type { Plan } from '../../compiler/plan/plan.ts';
import { erasableFields } from '../../operators/scan/erasure.ts';
import { Fault } from '../fault.ts';
import type { Files } from '../files.ts';
import type { Decision, DecisionLog, EraseDecision } from '../log/decisions.ts';
import { keepErasures, keptErasures } from './settle-erasures.ts';

type Started = {
  readonly plan: Plan;
  readonly folder: string;
  readonly files: Files;
  readonly complete: boolean;
  /** Decisions of an earlier run, which this one obeys. */
  readonly decided?: readonly Decision[] | undefined;
  readonly say: (line: string) => void;
};

/** Those of the run that is made again, or that this one began; and erasures that the folder saw before a fresh start. */
export async function startDecisions(decisions: DecisionLog, of: Started): Promise<void> {
  const at = new Date().toISOString();
  const { plan, decided = [] } = of;
  if (!decisions.has('started')) {
    if (decided.some(({ kind }) => kind === 'plan')) {
      throw new Fault(
        'decisions_of_other_plan',
        'the decisions were taken in a folder whose program changed: they cannot be obeyed from the beginning. Leave --decisions out.',
      );
    }
    const began = decided.find((each) => each.kind === 'started');
    if (began?.kind === 'started' && began.plan !== plan.digest) {
      throw new Fault(
        'decisions_of_other_plan',
        `the decisions were taken for another program (plan ${began.plan.slice(0, 12)}, not ${plan.digest.slice(0, 12)}): buckets and lots of one are not those of the other. Leave --decisions out.`,
      );
    }
    const started: Decision = { kind: 'started', plan: plan.digest, at };
    const all = began === undefined ? [started, ...decided] : decided;
    await decisions.take(...all, ...(await erasuresBeside(all, of)));
  }
  if (of.complete && !decisions.has('complete')) await decisions.take({ kind: 'complete', at });
}

/** Erasures that the folder keeps and `decided` does not have; from here on it keeps those as well. */
async function erasuresBeside(
  decided: readonly Decision[],
  of: Started,
): Promise<readonly EraseDecision[]> {
  const obeyed = decided.filter((each): each is EraseDecision => each.kind === 'erase');
  const known = new Set(obeyed.map((each) => JSON.stringify(each)));
  const beside = (await keptErasures(of)).filter((each) => !known.has(JSON.stringify(each)));
  const all = [...obeyed, ...beside];
  if (obeyed.length > 0) await keepErasures(of, all);
  const findable = erasableFields(of.plan);
  const fields = new Set(all.flatMap(({ keys }) => keys.map(({ field }) => field)));
  for (const field of fields) {
    if (findable.includes(field)) continue;
    of.say(
      `warning: people were erased by \`${field}\`, and this program neither has it as a key nor tags it \`pii\`: their events are read again`,
    );
  }
  return beside;
}
