/**
 * The other parts of Node that code under simulation must not use for real: chance, time, other processes, sockets of
 * the host. Each export replaces the export of the same name in the module for which hooks.ts substitutes this one.
 */
import { EventEmitter } from 'node:events'
import { farm, isUnderWay, presentMachine, presentProcess } from './farm.ts'
import type { Timer } from './scheduler.ts'

export { createHash, hash, timingSafeEqual } from 'node:crypto'

/** node:crypto */
export function randomBytes(bytes: number): Buffer {
  const { chance } = presentMachine()
  return Buffer.from(Array.from({ length: bytes }, () => chance.below(256)))
}

export function randomInt(end: number): number {
  // A number that is drawn while a module is loaded is drawn before any simulation.
  return isUnderWay() ? presentMachine().chance.below(end) : 1
}

/** node:timers/promises */
export function setImmediate(): Promise<void> {
  return new Promise((resolve) => {
    later(0, resolve)
  })
}

export function setTimeout(ms: number, _value: undefined, options: { signal?: AbortSignal } = {}): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const { signal } = options
  if (signal?.aborted === true) {
    reject(new Error('aborted, simulated'))
    return promise
  }
  const timer = later(ms, resolve)
  signal?.addEventListener('abort', () => {
    timer.isCancelled = true
    reject(new Error('aborted, simulated'))
  })
  return promise
}

/** node:child_process: only `sync`, which writes a filesystem's memory to its disk. */
export function execFile(
  command: string,
  _words: readonly string[],
  _options: object,
  done: (error: Error | null, stdout: string, stderr: string) => void,
): void {
  if (command !== 'sync') throw new Error(`${command} is not simulated`)
  const machine = presentMachine()
  later(farm().scheduler.soon(40), () => {
    const code = machine.step('changes')
    if (code === null) machine.disk.syncAll()
    done(code === null ? null : new Error(`sync: ${code}`), '', '')
  })
}

export function spawn(command: string): never {
  throw new Error(`${command} is not simulated`)
}

/** collect-garbage.ts of host: V8 collects the garbage of thousands of farms as it likes. */
export function collectGarbage(): void {
  return
}

export function tuneCollector(): void {
  return
}

export class BufferGarbage {
  passed(): void {
    return
  }
}

/** since-boot.ts of host. */
export function sinceBootMs(): number {
  return presentMachine().sinceBootMs()
}

/** root-lock.ts of host: a simulated machine runs one daemon. */
export class RootLock {
  [Symbol.dispose](): void {
    return
  }
}

/** secure-connection.ts of the receiver: the simulated WebSocket needs no connection beneath it. */
export function openConnection(): Promise<null> {
  return Promise.resolve(null)
}

export class Distrust extends Error {}

/** node:net: addresses are only compared, as they are outside. */
export { BlockList, isIPv4, isIPv6 } from 'node:net'

/** node:net: only the abstract socket by which a receiver locks its root. */
export function createServer(): LockServer {
  return new LockServer()
}

const held = new WeakMap<object, Set<string>>()

class LockServer extends EventEmitter {
  #name: string | null = null
  readonly #names: Set<string>

  constructor() {
    super()
    const machine = presentMachine()
    this.#names = held.get(machine) ?? new Set()
    held.set(machine, this.#names)
    presentProcess()?.atDeath.push(() => this.#release())
  }

  listen(name: string, done: () => void): void {
    later(0, () => {
      if (this.#names.has(name)) {
        this.emit('error', Object.assign(new Error(`EADDRINUSE, listen ${name}`), { code: 'EADDRINUSE' }))
        return
      }
      this.#names.add(name)
      this.#name = name
      done()
    })
  }

  unref(): void {
    // Nothing keeps a simulated process alive.
  }

  close(done: () => void): void {
    this.#release()
    later(0, done)
  }

  #release(): void {
    if (this.#name !== null) this.#names.delete(this.#name)
    this.#name = null
  }
}

function later(ms: number, act: () => void): Timer {
  return farm().scheduler.after(ms, presentProcess(), act)
}
