/**
 * What a resync asks the agent for, one request after another: listings of its paths; or first a summary of the whole
 * tree, and then listings of the directories that may differ by that, or of everything when they are many. Pure.
 *
 *   summarize … ─▶ expand …
 *       └─ differs much ─▶ list …
 */
import { LIMITS, ROOT_PATH, type ToAgent } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'

/** `top`: the path that was asked for, with the first part of its listing, in which it may not be. */
export interface OpenRequest {
  number: number
  top: string | null
}

type Next =
  | { ask: 'list'; path: number; after: string | null }
  | { ask: 'summarize'; after: string | null }
  | { ask: 'expand'; batch: number; after: string | null }

export class ResyncRequests {
  readonly #paths: readonly string[]
  readonly #digests: boolean
  /** The directories that are listed by themselves; null: everything is listed. */
  #expanded: ReadonlySet<string> | null = null
  #batches: string[][] = []
  #next: Next | null
  #open: OpenRequest | null = null

  constructor({ paths, digests, summarizes }: { paths: readonly string[]; digests: boolean; summarizes: boolean }) {
    this.#paths = paths
    this.#digests = digests
    this.#next = summarizes ? { ask: 'summarize', after: null } : { ask: 'list', path: 0, after: null }
  }

  /** Nothing more is asked for. */
  get isOver(): boolean {
    return this.#next === null
  }

  /** The request that was sent and has no answer yet. */
  get open(): OpenRequest | null {
    return this.#open
  }

  /** Whether the directory is among those that are listed. */
  lists(path: string): boolean {
    return this.#expanded?.has(path) ?? true
  }

  /** The next request, which is open from now on; null: there is none. */
  begin(request: number, owners: boolean): ToAgent | null {
    const next = this.#next
    if (next === null) return null
    const { after } = next
    const top = next.ask === 'list' && after === null ? this.#paths[next.path] : undefined
    this.#open = { number: request, top: top === undefined || top === ROOT_PATH ? null : top }
    if (next.ask === 'summarize') return { type: 'summarize', request, after, owners }
    if (next.ask === 'expand') return { type: 'expand', request, within: this.#batches[next.batch] ?? [], after }
    return { type: 'list', request, within: this.#paths[next.path] ?? ROOT_PATH, after, digests: this.#digests }
  }

  /** The open request was answered. @param next where the answer continues */
  answered(next: string | null): void {
    const at = this.#next
    this.#open = null
    if (at === null) return
    if (next !== null) this.#next = { ...at, after: next }
    else if (at.ask === 'list')
      this.#next = at.path + 1 < this.#paths.length ? { ask: 'list', path: at.path + 1, after: null } : null
    else if (at.ask === 'expand')
      this.#next = at.batch + 1 < this.#batches.length ? { ask: 'expand', batch: at.batch + 1, after: null } : null
    else this.#next = null
  }

  /** The summaries are compared. */
  expand(directories: ReadonlySet<string>): void {
    this.#expanded = directories
    this.#batches = batchesOf(directories)
    this.#next = this.#batches.length > 0 ? { ask: 'expand', batch: 0, after: null } : null
  }

  listAll(): void {
    this.#next = { ask: 'list', path: 0, after: null }
  }

  end(): void {
    this.#next = null
  }
}

/** Such that each fits into a message. */
function batchesOf(paths: Iterable<string>): string[][] {
  const batches: string[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const path of paths) {
    // A control character takes six bytes.
    const more = 3 + 6 * path.length
    if (bytes + more > BOUNDS.wantPathBytes || batches.at(-1)?.length === LIMITS.expandPaths) {
      batches.push([])
      bytes = 0
    }
    batches.at(-1)?.push(path)
    bytes += more
  }
  return batches
}
