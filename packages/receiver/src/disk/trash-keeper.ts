/**
 * Keeps the trash within its limits and reports its content, alongside the work of the queue and never in its way: the
 * amount that others threw in decides how long that takes. One walk at a time.
 */
import { plainMessage, printable } from '@rootferry/host/machine'
import type { DiskEvent } from '../root-messages.ts'
import type { Trash } from './area/trash.ts'
import type { WorkArea } from './area/work-area.ts'
import { isOperatingError } from './files/disk-errors.ts'
import { once } from './files/disk-retry.ts'
import { Dropped } from './files/give-way.ts'

export interface TrashKeeperParts {
  trash: Omit<Trash, 'throwAway'>
  area: WorkArea
  event(event: DiskEvent): void
}

export class TrashKeeper {
  readonly #parts: TrashKeeperParts
  readonly #closing = new AbortController()
  #changes = 0
  #isDue = false
  #work: Promise<void> | null = null

  constructor(parts: TrashKeeperParts) {
    this.#parts = parts
  }

  /** Something may have been thrown away. */
  look(): void {
    if (this.#parts.trash.changes !== this.#changes) this.purge()
  }

  /** Time has passed. */
  purge(): void {
    this.#isDue = true
    this.#work ??= this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#work
  }

  async #run(): Promise<void> {
    // The work that made this due is over by then.
    await null
    const { trash, area, event } = this.#parts
    while (this.#isDue && !this.#closing.signal.aborted) {
      this.#isDue = false
      this.#changes = trash.changes
      try {
        const { batches, withstood } = await once(() => trash.purge(), [this.#closing.signal])
        if (batches > 0) this.#log('info', 'emptied the trash', { batches })
        for (const { path, message } of withstood) {
          this.#log('warn', 'a part of the trash could not be deleted', { path: printable(path), error: message })
        }
        area.leave()
        event({ type: 'trash', status: trash.status })
      } catch (error) {
        if (error instanceof Dropped) break
        if (!isOperatingError(error)) throw error
        this.#log('warn', 'the trash could not be emptied', { error: plainMessage(error) })
      }
    }
    this.#work = null
  }

  #log(level: 'info' | 'warn', message: string, details: Record<string, unknown>): void {
    this.#parts.event({ type: 'log', level, message, details })
  }
}
