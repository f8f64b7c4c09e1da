/** What a receiver has asked for: requests that wait for their answer, and answers that it has not confirmed. Pure. */
import { LIMITS, ProtocolError } from '@rootferry/protocol'
import { checkRequest, type ReceiverRequest } from './message-rules.ts'

export class OpenRequests {
  /** Oldest first; the one that is answered stays until then. */
  readonly waiting: ReceiverRequest[] = []
  readonly #repairs = new Set<number>()

  /** @throws ProtocolError when there are too many, or it cannot be a request */
  take(request: ReceiverRequest): void {
    if (this.waiting.length + this.#repairs.size >= LIMITS.openRequests)
      throw new ProtocolError('limit-exceeded', 'too many open requests')
    checkRequest(request, [...this.waiting.map((other) => other.request), ...this.#repairs])
    this.waiting.push(request)
  }

  get areRepaired(): boolean {
    return this.#repairs.size === 0
  }

  sentRepair(request: number): void {
    this.#repairs.add(request)
  }

  /** @returns false when no such answer was under way */
  repaired(request: number): boolean {
    return this.#repairs.delete(request)
  }
}
