/** A member of a consumer group whose assignment is a list of units. Has connections of its own: a join blocks them. */
import type { JoinRequest, Membership } from '../worker/cluster.ts';
import { assignUnits } from './assign-units.ts';
import type { Client } from './client.ts';
import { classify } from './errors.ts';
import {
  HEARTBEAT_MS,
  REBALANCE_TIMEOUT_MS,
  RETRY_MAX_MS,
  SESSION_TIMEOUT_MS,
} from './settings.ts';

const PROTOCOL = 'millrace-units';

type Joined = { readonly memberId: string; readonly generationId: number };

export class KafkaMembership implements Membership {
  readonly #client: Client;
  readonly #request: JoinRequest;
  #units: readonly number[] = [];
  #memberId = '';
  #joined: Joined | null = null;
  #isLeaving = false;
  readonly #waiting: (() => void)[] = [];
  readonly #loop: Promise<void>;

  constructor(client: Client, request: JoinRequest) {
    this.#client = client;
    this.#request = request;
    this.#loop = this.#run();
  }

  units(): readonly number[] {
    return this.#units;
  }

  confirm(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    const joined = this.#joined;
    if (joined !== null) {
      const { group } = this.#request;
      // Best effort: without it the session times out.
      await this.#client
        .groupCoordinator(group)
        .then((broker) => broker.leaveGroup({ groupId: group, memberId: joined.memberId }))
        .catch(() => undefined);
    }
    await this.#client.close();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#isLeaving) {
      try {
        if (this.#joined === null) await this.#join();
        await pause(HEARTBEAT_MS);
        if (this.#isLeaving) break;
        // What was asked for before the heartbeat went out is answered by it.
        const asked = this.#waiting.length;
        await this.#heartbeat();
        for (const answer of this.#waiting.splice(0, asked)) answer();
      } catch (error) {
        const { kind, effect, message } = classify(error, 'being a member of the group');
        if (kind === 'unknown_member_id' || kind === 'fenced_instance_id') this.#memberId = '';
        if (REJOIN.has(kind)) {
          this.#joined = null;
          continue;
        }
        if (effect !== 'retriable') {
          this.#joined = null;
          if (!this.#isLeaving) this.#client.settings.warn(message);
        }
        await pause(RETRY_MAX_MS);
      }
    }
    for (const answer of this.#waiting.splice(0)) answer();
  }

  async #heartbeat(): Promise<void> {
    const { group } = this.#request;
    const { memberId, generationId } = this.#joined!;
    const broker = await this.#client.groupCoordinator(group);
    await broker.heartbeat({ groupId: group, memberId, groupGenerationId: generationId });
  }

  async #join(): Promise<void> {
    const { group, units } = this.#request;
    const broker = await this.#client.groupCoordinator(group);
    const joined = await broker.joinGroup({
      groupId: group,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      memberId: this.#memberId,
      protocolType: PROTOCOL,
      groupProtocols: [{ name: PROTOCOL, metadata: encode({ owned: this.#units }) }],
    });
    const { memberId, generationId, leaderId, members } = joined;
    this.#memberId = memberId;
    const plan =
      leaderId !== memberId
        ? []
        : assignUnits(
            units,
            members.map((member) => ({
              id: member.memberId,
              owned: decodeOwned(member.memberMetadata),
            })),
          );
    const { memberAssignment } = await broker.syncGroup({
      groupId: group,
      generationId,
      memberId,
      groupAssignment: plan.map(({ id, owned }) => ({
        memberId: id,
        memberAssignment: encode({ owned }),
      })),
    });
    this.#joined = { memberId, generationId };
    this.#units = decodeOwned(memberAssignment);
    this.#request.onAssigned(this.#units);
  }
}

const REJOIN = new Set([
  'rebalance_in_progress',
  'illegal_generation',
  'unknown_member_id',
  'fenced_instance_id',
]);

function encode(content: { readonly owned: readonly number[] }): Buffer {
  return Buffer.from(JSON.stringify(content));
}

/** Empty for what no version of ours wrote. */
function decodeOwned(bytes: Buffer): readonly number[] {
  try {
    const { owned }: { owned?: unknown } = JSON.parse(bytes.toString());
    return Array.isArray(owned) ? owned.filter((unit) => Number.isInteger(unit)) : [];
  } catch {
    return [];
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
