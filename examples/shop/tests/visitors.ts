/**
 * Visitors who ask for pages all the time, each for one after the other, until they are told to leave. Every page is asked
 * for under an address of its own, so that none comes out of a cache.
 */
import { type Answer, ask, keeping } from './request.ts'
import { SHOP } from './shop.ts'

const PAGES = ['/', '/product-1/', '/product-2/', '/product-3/', '/wp-includes/css/dist/block-library/style.min.css']

export class Visitors implements AsyncDisposable {
  readonly #loops: Promise<void>[]
  #isOpen = true
  #visits = 0
  readonly failures: string[] = []
  readonly servers = new Map<string, number>()
  slowestMs = 0

  constructor(people = 3) {
    this.#loops = Array.from({ length: people }, () => this.#visit())
  }

  get visits(): number {
    return this.#visits
  }

  async #visit(): Promise<void> {
    while (this.#isOpen) {
      const number = this.#visits++
      const page = PAGES[number % PAGES.length] ?? '/'
      const beganAt = performance.now()
      const answer = await ask(`${SHOP}${page}?visit=${process.pid}.${number}`, { agent: keeping }).catch(
        (error: Error) => error,
      )
      this.slowestMs = Math.max(this.slowestMs, performance.now() - beganAt)
      this.#note(page, answer)
    }
  }

  #note(page: string, answer: Answer | Error): void {
    if (answer instanceof Error) this.failures.push(`${page}: ${answer.message}`)
    else if (answer.status !== 200) this.failures.push(`${page}: ${answer.status} ${answer.headers['x-served-by']}`)
    else {
      const server = String(answer.headers['x-served-by'])
      this.servers.set(server, (this.servers.get(server) ?? 0) + 1)
    }
  }

  /** For a figure: what they have seen. */
  get account(): string {
    return `${this.failures.length} of ${this.#visits} requests failed, the slowest took ${Math.round(this.slowestMs)} ms`
  }

  async leave(): Promise<void> {
    this.#isOpen = false
    await Promise.all(this.#loops)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave()
  }
}
