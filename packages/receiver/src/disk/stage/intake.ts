/**
 * Takes in a changeset: its segments, each with its frames, are collected, unpacked and staged as they come.
 *
 *   begin ─▶ segment ─▶ frame … ─▶ staged ─▶ segment … ─▶ end, with the commit or the connection
 *
 * INVARIANT: at most one changeset is being taken in, and at most one segment of it.
 */
import assert from 'node:assert/strict'
import type { Buffer } from 'node:buffer'
import { freeMemory } from '@rootferry/host/machine'
import { type Changeset, ProtocolError, type Segment } from '@rootferry/protocol'
import type { DiskEvent } from '../../root-messages.ts'
import type { DiskSteps } from '../files/disk-retry.ts'
import { Incoming, type IncomingParts, NO_BYTES } from './incoming.ts'
import { FrameCollector, unpackSegment } from './unpacker.ts'

export interface IntakeParts {
  disk: IncomingParts
  steps: DiskSteps
  /** Milliseconds, for durations only. */
  now(): number
  event(event: DiskEvent): void
}

export class Intake {
  readonly #parts: IntakeParts
  readonly #frames = new FrameCollector()
  #changeset: Incoming | null = null
  #segment: Segment | null = null
  /** When the last changeset began. */
  startedAt = 0
  /** In total since the session began. */
  #staged = { entries: 0, bytes: 0 }

  constructor(parts: IntakeParts) {
    this.#parts = parts
  }

  /** The changeset that is being taken in. */
  get changeset(): Incoming | null {
    return this.#changeset
  }

  begin(header: Changeset, epoch: string): void {
    assert.equal(this.#changeset, null, 'a changeset within another')
    this.#changeset = new Incoming(header, this.#parts.disk, epoch)
    this.startedAt = this.#parts.now()
  }

  /** @throws ProtocolError when frames of a segment are outstanding */
  refuseMessages(): void {
    if (this.#frames.isCollecting) throw new ProtocolError('unexpected-message', 'a message in the middle of a segment')
  }

  /** @throws ProtocolError when the segment has no place in the changeset */
  async segment(segment: Segment): Promise<void> {
    if (this.#changeset === null) throw new ProtocolError('unexpected-message', 'a segment without a changeset')
    this.#changeset.describe(segment)
    this.#segment = segment
    this.#frames.begin(segment.bytes)
    if (segment.bytes === 0) await this.#stage(segment, NO_BYTES)
  }

  /**
   * @throws ProtocolError when no segment has announced it, or when all frames together are not what the segment says
   */
  async frame(frame: Uint8Array): Promise<void> {
    const packed = this.#frames.frame(frame)
    if (packed !== null && this.#segment !== null) await this.#stage(this.#segment, packed)
  }

  /** Whether bytes of a segment are still to come. */
  get isCollecting(): boolean {
    return this.#frames.isCollecting
  }

  /** The changeset is committed, or never will be. */
  end(): void {
    this.#changeset = null
  }

  async #stage(segment: Segment, packed: Buffer): Promise<void> {
    const { steps, event } = this.#parts
    const changeset = this.#changeset
    this.#segment = null
    const contents = unpackSegment(segment, packed)
    if (changeset === null) return
    const before = changeset.bytes
    await steps.whileConnected(changeset.stager(segment, contents))
    if (segment.encoding === 'zstd') for (const { bytes } of contents) freeMemory(bytes)
    this.#staged.entries += segment.changes.length
    this.#staged.bytes += changeset.bytes - before + (segment.slice?.length ?? 0)
    event({ type: 'progress', ...this.#staged })
    if (segment.bytes > 0) event({ type: 'consumed', bytes: segment.bytes })
  }
}
