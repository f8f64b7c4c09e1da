/** Takes up an invitation: asks the agent what it grants, has the token exchanged, and puts the new files in place. */
import { chownSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EXIT, errorMessage, Failure, writeDurably } from '@rootferry/host/machine'
import { decodeInvitation, type Invitation } from '@rootferry/protocol'
import { askGrants, exchangeToken, type Grants } from '../serve/link/ask-grants.ts'
import { type Address, DialFailure } from '../serve/link/dial.ts'

export interface NewFile {
  text: string
  mode: number
}

/** @throws Failure (2) when the text is none */
export function invitationOf(text: string): Invitation {
  const invitation = decodeInvitation(text)
  if (invitation !== null) return invitation
  throw new Failure(
    EXIT.usage,
    "that is not a whole invitation: the line that 'rootferry-agent token create NAME --join' prints is expected",
  )
}

/**
 * @throws Failure 69 when the agent cannot be asked, 77 when it grants less than is wanted, 1 when it cannot be trusted
 */
export async function checkWithAgent(address: Address, wanted: readonly string[]): Promise<Grants> {
  try {
    const grants = await askGrants(address)
    const refused = wanted.filter((root) => !grants.roots.includes(root))
    if (refused.length === 0) return grants
    const granted = grants.roots.length === 0 ? 'nothing' : grants.roots.join(', ')
    throw new Failure(EXIT.notPermitted, `the agent does not grant ${refused.join(', ')}, but ${granted}`)
  } catch (error) {
    throw asFailure(error, address)
  }
}

/**
 * A token that expires is exchanged for one that stays, and is useless from then on.
 *
 * @param files path → file to be written, in this order
 * @param tokenFile which of them holds the token
 * @throws Failure
 */
export async function takeUp(
  address: Address,
  { expiresAt }: Grants,
  files: Map<string, NewFile>,
  tokenFile: string,
): Promise<void> {
  if (expiresAt === undefined) return install(files)
  const lasting = await exchangeToken(address).catch((error: unknown) => {
    throw asFailure(error, address)
  })
  if (lasting !== null) files.set(tokenFile, { text: `${lasting}\n`, mode: 0o600 })
  try {
    install(files)
  } catch (error) {
    if (lasting === null || !(error instanceof Failure)) throw error
    throw new Failure(error.exitCode, `${error.message}; the invitation is used up, ask for a new one`, {
      cause: error,
    })
  }
}

function asFailure(error: unknown, { agent }: Address): unknown {
  if (!(error instanceof DialFailure)) return error
  const isRefused = error.code === 'unauthorized' || error.code === 'forbidden'
  const code = isRefused ? EXIT.notPermitted : error.isHopeless ? EXIT.failed : EXIT.unreachable
  const hint = error.code === 'unauthorized' ? '; ask for another invitation: one that was used is void' : ''
  return new Failure(code, `${agent}: ${error.message}${hint}`, { cause: error })
}

function install(files: ReadonlyMap<string, NewFile>): void {
  try {
    for (const [path, { text, mode }] of files) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
      const before = statSync(path, { throwIfNoEntry: false })
      writeDurably(path, text, mode)
      // A receiver that runs as another user than root goes on reading what was given to it.
      if (before !== undefined) chownSync(path, before.uid, before.gid)
    }
  } catch (error) {
    throw new Failure(EXIT.failed, errorMessage(error), { cause: error })
  }
}
