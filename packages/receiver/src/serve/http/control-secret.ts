/**
 * The secret that authorizes changes through the health listener: a file in the state directory that only the
 * receiver's own user, and root, can read. It is made anew at every start.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, errorCode, errorMessage, Failure, writeDurably } from '@rootferry/host/machine'
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'

const ControlFile = Type.Object({ url: Type.String(), token: Type.String() }, { additionalProperties: false })
const MODE = 0o600
const TOKEN_BYTES = 32

export type ControlFile = Static<typeof ControlFile>

export class ControlSecret {
  readonly #token = randomBytes(TOKEN_BYTES).toString('base64url')

  /** @param url where the health listener answers. @throws the system error */
  write(stateDir: string, url: string): void {
    writeDurably(fileIn(stateDir), JSON.stringify({ url, token: this.#token }), MODE)
  }

  isShownBy(authorization: string | undefined): boolean {
    const [given, wanted] = [Buffer.from(authorization ?? ''), Buffer.from(`Bearer ${this.#token}`)]
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  }
}

/** @throws Failure: 69 when no receiver ever ran with this directory, 77 when the file may not be read */
export function readControlFile(stateDir: string): ControlFile {
  try {
    const value: unknown = JSON.parse(readFileSync(fileIn(stateDir), 'utf8'))
    if (Check(ControlFile, value)) return value
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new Failure(EXIT.unreachable, `the receiver cannot be reached: none ever ran with ${stateDir}`)
    const isRefused = errorCode(error) === 'EACCES' || errorCode(error) === 'EPERM'
    if (isRefused) throw new Failure(EXIT.notPermitted, errorMessage(error), { cause: error })
    if (errorCode(error) !== null) throw new Failure(EXIT.failed, errorMessage(error), { cause: error })
  }
  throw new Failure(EXIT.failed, `${fileIn(stateDir)} is damaged: a restart of the receiver writes it anew`)
}

function fileIn(stateDir: string): string {
  return join(stateDir, 'control.json')
}
