/**
 * The recent status events, numbered, for every listener: a ring of bounded length.
 *
 * An id is `<life>-<number>`: a listener that comes back with an id of another life, or with one that has left the
 * ring, is told that it missed events. Knows nothing of HTTP.
 */
export type EventType = 'changeset' | 'receiver' | 'root' | 'resync'

export interface Event {
  id: string
  type: EventType
  /** JSON. */
  data: string
}

export const MOST_EVENTS = 1_000
/** Characters of the data of all events together. */
export const MOST_CHARACTERS = 4 * 1024 * 1024

export class EventLog {
  readonly #life: string
  readonly #events: Event[] = []
  readonly #listeners = new Set<(event: Event) => void>()
  #number = 0
  #characters = 0

  /** @param life a different text for each start of the agent */
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

  /** The events after the event of that id; null when they are not all known any more. */
  after(id: string): Event[] | null {
    const [life, number] = splitId(id)
    const first = this.#number - this.#events.length
    if (life !== this.#life || number < first || number > this.#number) return null
    return this.#events.slice(number - first)
  }

  /** @returns a function that ends the listening */
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
