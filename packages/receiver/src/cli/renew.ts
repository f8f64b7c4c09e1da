/**
 * `rootferry-receiver join --renew`: a host that has joined before takes from an invitation who the agent is and a new
 * token. Everything else that its receiver.yaml says stays, byte by byte: what is protected above all.
 *
 * First a draft is read as the daemon would read it, then the agent is asked, and only then are the files put in place.
 */
import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { readConfigFile, withSettings } from '@rootferry/host/daemon'
import { Failure } from '@rootferry/host/machine'
import type { Invitation } from '@rootferry/protocol'
import { type ReceiverConfig, ReceiverFile, readReceiverConfig, WRITER } from '../config/receiver-yaml.ts'
import { checkWithAgent, invitationOf, type NewFile, takeUp } from './take-up.ts'

const PERMISSIONS = 0o777

/** A setting that names a file, and what is new in that file. */
type Pointed = Record<string, { path: string; file: NewFile }>

/**
 * @param config the receiver.yaml that is there
 * @returns a text for people: what was done and what is next
 * @throws Failure with one line
 */
export async function renewJoin(text: string, config: string): Promise<string> {
  const invitation = invitationOf(text)
  const { value, source } = readConfigFile(config, ReceiverFile, WRITER)
  const before = readFileSync(config, 'utf8')
  const settings = settingsFrom(invitation, value)
  const pointed = filesFrom(invitation, value.tokenFile ?? 'token')
  const names = Object.fromEntries(Object.entries(pointed).map(([key, { path }]) => [key, path]))
  const draft = (files: Record<string, string>) => withSettings(before, { ...settings, ...files }, 'agent')
  const { address, roots } = tryOut(config, draft, pointed)
  const grants = await checkWithAgent(
    address,
    roots.map(({ name }) => name),
  )
  const files = new Map(Object.values(pointed).map(({ path, file }) => [source.besideFile(path), file]))
  const place = realpathSync(config)
  files.set(place, { text: draft(names), mode: statSync(place).mode & PERMISSIONS })
  await takeUp(address, grants, files, source.besideFile(pointed['tokenFile']?.path ?? ''))
  return [
    `The agent at ${invitation.agent} knows ${invitation.name}. Everything else in ${config} stays as it was.`,
    `Written: ${[...files.keys()].join(', ')}`,
    'Next: systemctl reload rootferry-receiver',
  ].join('\n')
}

/** Null: the setting goes. A reader of the log stays one, with the agent at `control`. */
export function settingsFrom({ agent, name, fingerprint, nats }: Invitation, value: { control?: string }) {
  const isReader = nats !== undefined || value.control !== undefined
  const place = isReader ? { control: agent, name } : { agent }
  return { ...place, ...(nats === undefined ? {} : { agent: nats.server, natsCa: null }), fingerprint, ca: null }
}

function filesFrom({ token, ca, nats }: Invitation, tokenFile: string): Pointed {
  const natsCa = nats?.ca ?? null
  return {
    tokenFile: { path: tokenFile, file: { text: `${token}\n`, mode: 0o600 } },
    ...(ca === null ? {} : { ca: { path: 'agent-ca.pem', file: { text: ca, mode: 0o644 } } }),
    ...(natsCa === null ? {} : { natsCa: { path: 'nats-ca.pem', file: { text: natsCa, mode: 0o644 } } }),
    ...(nats === undefined
      ? {}
      : { credentialsFile: { path: 'nats.seed', file: { text: `${nats.seed}\n`, mode: 0o600 } } }),
  }
}

/**
 * The draft lies beside the file, so that its other paths lead where they lead now.
 *
 * @throws Failure when the daemon would not accept it
 */
function tryOut(config: string, draft: (files: Record<string, string>) => string, pointed: Pointed): ReceiverConfig {
  const trial = mkdtempSync(join(tmpdir(), 'rootferry-join-'))
  const file = join(dirname(resolve(config)), `.${basename(trial)}.yaml`)
  try {
    const there = Object.entries(pointed).map(
      ([
        key,
        {
          file: { text, mode },
        },
      ]) => {
        writeFileSync(join(trial, key), text, { mode })
        return [key, join(trial, key)]
      },
    )
    writeFileSync(file, draft(Object.fromEntries(there)))
    return readReceiverConfig(file, undefined)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.exitCode, error.message.replaceAll(file, config), { cause: error })
  } finally {
    rmSync(file, { force: true })
    rmSync(trial, { recursive: true })
  }
}
