/**
 * The news of the last while, numbered, for whoever listens: a ring of bounded length.
 *
 * An id is `<life>-<number>`: a listener that comes back with an id of another life, or of one that has left the ring,
 * is told that it missed something. Knows nothing of HTTP.
 */
export type EventType = 'changeset' | 'receiver' | 'root' | 'resync'

export interface Event {
  id: string
  type: EventType
  /** JSON. */
  data: string
}

export const MOST_EVENTS = 1_000
/** Of the data of all of them. */
export const MOST_CHARACTERS = 4 * 1024 * 1024

export class EventLog {
  readonly #life: string
  readonly #events: Event[] = []
  readonly #listeners = new Set<(event: Event) => void>()
  #number = 0
  #characters = 0

  /** @param life another one for each start of the agent */
  constructor(life: string) {
    this.#life = life
  }

  append(type: EventType, data: object): void {
    this.#number += 1
    const event = { id: `${this.#life}-${this.#number}`, type, data: JSON.stringify(data) }
    this.#events.push(event)
    this.#characters += event.data.length
    while (this.#events.length > MOST_EVENTS || this.#characters > MOST_CHARACTERS) {
      this.#characters -= this.#events.shift()?.data.length ?? 0
    }
    for (const listener of this.#listeners) listener(event)
  }

  /** What came after the event of that id; null when that cannot be said any more. */
  after(id: string): Event[] | null {
    const [life, number] = splitId(id)
    const first = this.#number - this.#events.length
    if (life !== this.#life || number < first || number > this.#number) return null
    return this.#events.slice(number - first)
  }

  /** @returns what ends it */
  listen(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get listeners(): number {
    return this.#listeners.size
  }
}

function splitId(id: string): [life: string, number: number] {
  const dash = id.lastIndexOf('-')
  const digits = id.slice(dash + 1)
  return /^\d{1,15}$/.test(digits) ? [id.slice(0, Math.max(dash, 0)), Number(digits)] : ['', -1]
}
