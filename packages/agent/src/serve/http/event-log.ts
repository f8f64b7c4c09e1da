/**
 * The recent status events, numbered, for every listener: a ring of bounded length.
 *
 * An id is `<life>-<number>`: a listener that comes back with an id of another life, or with one that has left the
 * ring, is told that it missed events. Knows nothing of HTTP.
 */
export const EVENT_TYPES = ['changeset', 'receiver', 'root', 'resync', 'hold', 'round', 'progress', 'here'] as const
export type EventType = (typeof EVENT_TYPES)[number]

/** Those that come only to who names them: `here` is sent by each stream, and is in no log. */
export const NAMED_ONLY: ReadonlySet<EventType> = new Set(['progress', 'here'])

export interface Event {
  /** Null: it is not kept, and a listener that comes back does not catch up on it. */
  id: string | null
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
  readonly #listeners = new Map<(event: Event) => void, ReadonlySet<EventType>>()
  #number = 0
  #characters = 0

  /** @param life a different text for each start of the agent */
  constructor(life: string) {
    this.#life = life
  }

  append(type: EventType, data: object): void {
    this.#number += 1
    const event: Event = { id: `${this.#life}-${this.#number}`, type, data: JSON.stringify(data) }
    this.#events.push(event)
    this.#characters += event.data.length
    while (this.#events.length > MOST_EVENTS || this.#characters > MOST_CHARACTERS) {
      this.#characters -= this.#events.shift()?.data.length ?? 0
    }
    this.#spread(event)
  }

  /** Tells those who listen now, and nobody else. */
  tell(type: EventType, data: object): void {
    if (this.isWanted(type)) this.#spread({ id: null, type, data: JSON.stringify(data) })
  }

  isWanted(type: EventType): boolean {
    return [...this.#listeners.values()].some((types) => types.has(type))
  }

  /** The events after the event of that id; null when they are not all known any more. */
  after(id: string): Event[] | null {
    const [life, number] = splitId(id)
    const first = this.#number - this.#events.length
    if (life !== this.#life || number < first || number > this.#number) return null
    return this.#events.slice(number - first)
  }

  /** @returns a function that ends the listening */
  listen(listener: (event: Event) => void, types: ReadonlySet<EventType>): () => void {
    this.#listeners.set(listener, types)
    return () => this.#listeners.delete(listener)
  }

  #spread(event: Event): void {
    for (const [listener, types] of this.#listeners) if (types.has(event.type)) listener(event)
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
