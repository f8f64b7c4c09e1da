/** For tests of system calls: a directory of their own, open, with both implementations to work in it. */
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { libcCalls, portableCalls } from '../src/machine/choose-system-calls.ts'
import type { SystemCalls } from '../src/machine/libc/system-calls.ts'

export class TemporaryDirectory implements Disposable {
  readonly path: string
  readonly descriptor: number

  /** @param parent a directory on the wanted filesystem */
  constructor(parent = tmpdir()) {
    this.path = fs.mkdtempSync(join(parent, 'rootferry-calls-'))
    this.descriptor = fs.openSync(this.path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  }

  at(name: string): string {
    return join(this.path, name)
  }

  write(name: string, content: string | Uint8Array = name): void {
    fs.writeFileSync(this.at(name), content)
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.descriptor)
    fs.rmSync(this.path, { recursive: true, force: true })
  }
}

/** @throws when this runtime has no node:ffi; the pinned runtime has it */
export function libc(): SystemCalls {
  const { calls, fault } = libcCalls()
  if (calls === null) throw new Error(fault)
  return calls
}

/** Both implementations, by name. */
export const IMPLEMENTATIONS: Readonly<Record<string, () => SystemCalls>> = { libc, portable: portableCalls }
