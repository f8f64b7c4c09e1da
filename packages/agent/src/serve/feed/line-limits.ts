/**
 * Pure: how long a sender rests after a send, so that all receivers together, and each of them, get at most so many bytes
 * a second.
 *
 * Bytes are sent first and paid for afterwards, so nothing waits for a line that was idle. What is urgent rests for
 * urgent bytes only: it does not wait behind the bulk work of other receivers, which gets what it leaves.
 * INVARIANT: in any time, no more is sent than the rate allows for it, plus a burst, one send of each sender, and what was
 * urgent during one rest.
 */
import { LIMITS } from '@rootferry/protocol'

/** Bytes a second; 0: no limit. */
export interface LineRates {
  bytesPerSecond: number
  bytesPerSecondPerReceiver: number
}

/** So much of a second may be sent without a rest. */
const BURST_MS = 250
const LEAST_FRAME = 16 * 1024
/** Above so many receivers, those that owe nothing are forgotten. */
const MOST_REMEMBERED = 1_000

export class LineLimits {
  rates: LineRates
  readonly #all = new Account()
  readonly #receivers = new Map<string, Account>()

  constructor(rates: LineRates) {
    this.rates = rates
  }

  /** @param nowMs of a monotonic clock @returns milliseconds to rest before the next send */
  rest(receiver: string, bytes: number, isUrgent: boolean, nowMs: number): number {
    const { bytesPerSecond, bytesPerSecondPerReceiver } = this.rates
    let restMs = 0
    if (bytesPerSecond > 0) restMs = this.#all.spend((bytes * 1_000) / bytesPerSecond, isUrgent, nowMs)
    if (bytesPerSecondPerReceiver > 0) {
      const ownMs = (bytes * 1_000) / bytesPerSecondPerReceiver
      restMs = Math.max(restMs, this.#of(receiver, nowMs).spend(ownMs, isUrgent, nowMs))
    }
    return restMs
  }

  /** Bytes of a frame: under a limit, a quarter of a second's, so that what is urgent comes between. */
  get frameBytes(): number {
    const limits = [this.rates.bytesPerSecond, this.rates.bytesPerSecondPerReceiver].filter((rate) => rate > 0)
    return Math.min(LIMITS.frameBytes, ...limits.map((rate) => Math.max(LEAST_FRAME, Math.floor(rate / 4))))
  }

  #of(receiver: string, nowMs: number): Account {
    let account = this.#receivers.get(receiver)
    if (account !== undefined) return account
    if (this.#receivers.size >= MOST_REMEMBERED)
      for (const [name, other] of this.#receivers) if (other.isPaid(nowMs)) this.#receivers.delete(name)
    account = new Account()
    this.#receivers.set(receiver, account)
    return account
  }
}

/** When everything that was sent is paid for, and when what was urgent is. */
class Account {
  #allMs = Number.NEGATIVE_INFINITY
  #urgentMs = Number.NEGATIVE_INFINITY

  /** @param costMs how long the bytes may take @returns milliseconds to rest */
  spend(costMs: number, isUrgent: boolean, nowMs: number): number {
    this.#allMs = Math.max(this.#allMs, nowMs) + costMs
    if (isUrgent) this.#urgentMs = Math.max(this.#urgentMs, nowMs) + costMs
    return Math.max(0, (isUrgent ? this.#urgentMs : this.#allMs) - nowMs - BURST_MS)
  }

  isPaid(nowMs: number): boolean {
    return this.#allMs <= nowMs
  }
}
