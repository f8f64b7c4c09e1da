/** Directories that are looked at once more a moment later, all of a moment together. */
const SECOND_LOOK_MS = 250

export class DelayedDirectories {
  readonly #look: (directory: string) => void
  readonly #due = new Set<string>()

  /** @param look called for each directory, a moment after it was scheduled */
  constructor(look: (directory: string) => void) {
    this.#look = look
  }

  schedule(directory: string): void {
    if (this.#due.size === 0) setTimeout(() => this.#lookAtAll(), SECOND_LOOK_MS).unref()
    this.#due.add(directory)
  }

  /** Nothing more is looked at. */
  clear(): void {
    this.#due.clear()
  }

  #lookAtAll(): void {
    const due = [...this.#due]
    this.#due.clear()
    for (const directory of due) this.#look(directory)
  }
}
