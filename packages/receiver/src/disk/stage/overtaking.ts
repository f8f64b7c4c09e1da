/**
 * Takes in what overtakes the changeset that is being taken in: a segment that is a small changeset of its own.
 *
 *   overtake ─▶ frames … ─▶ staged ─▶ commit, at once; the changeset that was overtaken goes on where it was
 *
 * INVARIANT: nothing of the changeset that is overtaken is touched. The position stays: what was shown ahead of it is in
 * the ledger, and comes again in its order.
 */
import { type Overtake, ProtocolError, type Segment } from '@rootferry/protocol'
import type { StagedChange } from '../files/staged-change.ts'
import type { Incoming } from './incoming.ts'
import { Intake, type IntakeParts } from './intake.ts'
import type { StagedPart } from './staged-so-far.ts'

export class Overtaking {
  readonly #parts: IntakeParts
  readonly #intake: Intake

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.#intake = new Intake(parts)
  }

  /** Whether frames that come now belong to it. */
  get isUnderWay(): boolean {
    return this.#intake.changeset !== null
  }

  get startedAt(): number {
    return this.#intake.startedAt
  }

  /** @throws ProtocolError when frames are outstanding */
  refuseMessages(): void {
    this.#intake.refuseMessages()
  }

  /** @throws ProtocolError when it overtakes nothing, or more than it may */
  async begin(overtake: Overtake, overtaken: Incoming | null, epoch: string): Promise<StagedPart | null> {
    if (overtaken === null || overtaken.header.request !== null || overtaken.header.from !== overtaken.header.base)
      throw new ProtocolError('unexpected-message', 'an overtake without a changeset that can be overtaken')
    const { to, changes } = overtake
    const { base, to: end } = overtaken.header
    if (to < end) throw new ProtocolError('unexpected-message', `an overtake to ${to} of a changeset to ${end}`)
    const met = changes.find(({ path }) => overtaken.has(path))
    if (met !== undefined)
      throw new ProtocolError('content-mismatch', 'an overtake of a path that the changeset has changed')
    const header = { base, from: base, to, head: to, request: null, changes: changes.length, bytes: overtake.tarBytes }
    this.#intake.begin({ type: 'changeset', ...header }, epoch)
    await this.#intake.segment(segmentOf(overtake))
    return await this.#ended()
  }

  /** @returns what is staged, when all of it has come */
  async frame(frame: Uint8Array): Promise<StagedPart | null> {
    await this.#intake.frame(frame)
    return await this.#ended()
  }

  end(): void {
    this.#intake.end()
  }

  async #ended(): Promise<StagedPart | null> {
    const { changeset } = this.#intake
    if (changeset === null || this.#intake.isCollecting) return null
    await this.#parts.steps.whileConnected(changeset.completer(changeset.header.to))
    this.#parts.disk.confined.release()
    return changeset.whole()
  }
}

function segmentOf({ type: _, to: __, ...segment }: Overtake): Segment {
  return { type: 'segment', index: 0, slice: null, to: null, ...segment }
}

/** Names in staging that these changes need. */
export function namesOf(changes: readonly StagedChange[]): Set<string> {
  const names = changes.flatMap((change) => ('staged' in change ? (change.staged ?? []) : []))
  return new Set(names.map((name) => name.split('/')[0] ?? name))
}
