/**
 * `rootferry-receiver join`: from an invitation to a configuration that is known to work.
 *
 * First the new files are read from a temporary directory as the daemon would read them, then the agent is asked, and
 * only then are the files put in place. A join that fails leaves nothing behind, and overwrites only files that it was
 * told to overwrite.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import {
  chooseSystemCalls,
  EXIT,
  errorMessage,
  Failure,
  fixedOwner,
  localGroups,
  localUsers,
  printable,
  RootLock,
  writeDurably,
} from '@rootferry/host/machine'
import { decodeInvitation, type Invitation } from '@rootferry/protocol'
import { type ReceiverConfig, readReceiverConfig } from '../config/receiver-yaml.ts'
import { diskOptions } from '../serve/disk-options.ts'
import { firstJoinLine } from '../serve/first-join.ts'
import { askGrants, exchangeToken, type Grants } from '../serve/link/ask-grants.ts'
import { type Address, DialFailure } from '../serve/link/dial.ts'
import { receiverYaml } from './write-receiver-yaml.ts'

export interface JoinOptions {
  /** The place of the new receiver.yaml; token and authority go into the same directory. */
  config: string
  /** NAME=DIRECTORY */
  roots: readonly string[]
  /** gitignore lines for every root. */
  protect: readonly string[]
  owner: string | null
  stateDir: string | null
  healthListen: string | null
  /** The certificate of this host, for an agent that asks for one. */
  certificate: { cert: string; key: string } | null
  allowPlaintext: boolean
  /** Says what the first join would do, and joins nothing. */
  dryRun: boolean
  /** Overwrites an existing configuration. */
  force: boolean
  /** Tells people of work that takes long. */
  say(text: string): void
}

/** @returns a text for people: what was done and what is next. @throws Failure with one line */
export async function joinAgent(text: string, options: JoinOptions): Promise<string> {
  const invitation = decodeInvitation(text)
  if (invitation === null) {
    throw new Failure(
      EXIT.usage,
      "that is not a whole invitation: the line that 'rootferry-agent token create NAME --join' prints is expected",
    )
  }
  const roots = wantedRoots(options.roots, invitation)
  const files = filesFor(invitation, roots, options)
  if (!options.force && !options.dryRun) refuseToOverwrite([...files.keys()])
  const config = tryOut(files, resolve(options.config))
  refuseSources(config)
  refuseUnknownOwners(config)
  const { expiresAt, many } = await checkWithAgent(invitation, roots, options)
  // The name is for this host's own status: that of a token of many nodes would be the same on all of them.
  if (many === true)
    for (const [path, file] of filesFor({ ...invitation, name: ownName() }, roots, options)) files.set(path, file)
  if (options.dryRun) return await lookAll(config, options.say)
  if (expiresAt === undefined) install(files)
  else await installExchanged(invitation, files, options)
  const { name, agent } = invitation
  const targets = [...roots].map(([root, path]) => `${root} to ${path}`).join(', ')
  return [
    `The agent at ${agent} knows ${name}. It will bring ${targets}.`,
    `Written: ${[...files.keys()].join(', ')}`,
    `Next: systemctl enable --now rootferry-receiver (or: rootferry-receiver run --config ${resolve(options.config)})`,
  ].join('\n')
}

/** @returns a text for people: what each first join would do, and to which paths */
async function lookAll(config: ReceiverConfig, say: JoinOptions['say']): Promise<string> {
  // Only a look needs the comparison.
  const { lookAtTarget } = await import('./join-look.ts')
  const lines: string[] = []
  for (const root of config.roots) {
    if (!existsSync(root.path)) {
      lines.push(`${root.name}: ${root.path} is not there, so the first join replaces and removes nothing`)
      continue
    }
    const { plan, wouldWait } = await lookAtTarget(config.address, diskOptions(root, config), () =>
      say(
        `${root.name}: waiting for the agent, which lists no root that is held or halted: see rootferry-agent status\n`,
      ),
    )
    lines.push(`${root.name}: ${firstJoinLine(plan)}`)
    if (wouldWait) {
      lines.push(`${root.name}: that is so much that it would wait for rootferry-receiver accept ${root.name}`)
    }
    for (const { path, kind } of plan.paths) lines.push(`${root.name}: ${kind} ${printable(path)}`)
  }
  return lines.join('\n')
}

function wantedRoots(given: readonly string[], invitation: Invitation): Map<string, string> {
  const known = invitation.roots.join(', ')
  if (given.length === 0) {
    const example = invitation.roots[0] ?? 'NAME'
    throw new Failure(EXIT.usage, `say where the roots go, as --root ${example}=DIRECTORY; the token grants ${known}`)
  }
  const roots = new Map<string, string>()
  for (const text of given) {
    const match = /^([^=]+)=(.+)$/.exec(text)
    const [name, path] = [match?.[1], match?.[2]]
    if (name === undefined || path === undefined)
      throw new Failure(EXIT.usage, `--root ${text}: NAME=DIRECTORY is expected`)
    if (roots.has(name)) throw new Failure(EXIT.usage, `--root ${name} is given twice`)
    roots.set(name, resolve(path))
  }
  return roots
}

/**
 * @throws Failure 69 when the agent cannot be asked, 77 when it grants less than is wanted, 1 when it cannot be trusted
 */
async function checkWithAgent(
  invitation: Invitation,
  roots: ReadonlyMap<string, string>,
  options: JoinOptions,
): Promise<Grants> {
  try {
    const grants = await askGrants(addressOf(invitation, options))
    const refused = [...roots.keys()].filter((root) => !grants.roots.includes(root))
    if (refused.length === 0) return grants
    const granted = grants.roots.length === 0 ? 'nothing' : grants.roots.join(', ')
    throw new Failure(EXIT.notPermitted, `the agent does not grant ${refused.join(', ')}, but ${granted}`)
  } catch (error) {
    throw asFailure(error, invitation)
  }
}

function addressOf({ agent, token, fingerprint, ca }: Invitation, { certificate }: JoinOptions): Address {
  const client = certificate === null ? null : { cert: readText(certificate.cert), key: readText(certificate.key) }
  return { agent, token, trust: { fingerprint, ca, client } }
}

function asFailure(error: unknown, { agent }: Invitation): unknown {
  if (!(error instanceof DialFailure)) return error
  const isRefused = error.code === 'unauthorized' || error.code === 'forbidden'
  const code = isRefused ? EXIT.notPermitted : error.isHopeless ? EXIT.failed : EXIT.unreachable
  const hint = error.code === 'unauthorized' ? '; ask for another invitation: one that was used is void' : ''
  return new Failure(code, `${agent}: ${error.message}${hint}`, { cause: error })
}

/** The invitation's token expires: it is exchanged for one that stays, and is useless from then on. */
async function installExchanged(
  invitation: Invitation,
  files: Map<string, NewFile>,
  options: JoinOptions,
): Promise<void> {
  const lasting = await exchangeToken(addressOf(invitation, options)).catch((error: unknown) => {
    throw asFailure(error, invitation)
  })
  const file = tokenFileBeside(options.config)
  if (lasting !== null) files.set(file, { text: `${lasting}\n`, mode: 0o600 })
  try {
    install(files)
  } catch (error) {
    if (lasting === null || !(error instanceof Failure)) throw error
    throw new Failure(error.exitCode, `${error.message}; the invitation is used up, ask for a new one`, {
      cause: error,
    })
  }
}

interface NewFile {
  text: string
  mode: number
}

/** Path → file to be written; the configuration comes last, because with it the other files are in use. */
function filesFor(
  { agent, name, token, fingerprint, ca, nats }: Invitation,
  roots: ReadonlyMap<string, string>,
  { config, protect, owner, stateDir, healthListen, certificate, allowPlaintext }: JoinOptions,
): Map<string, NewFile> {
  const directory = dirname(resolve(config))
  const files = new Map<string, NewFile>([[tokenFileBeside(config), { text: `${token}\n`, mode: 0o600 }]])
  if (ca !== null) files.set(join(directory, 'agent-ca.pem'), { text: ca, mode: 0o644 })
  if (nats !== undefined) files.set(join(directory, 'nats.seed'), { text: `${nats.seed}\n`, mode: 0o600 })
  const natsCa = nats?.ca ?? null
  if (natsCa !== null) files.set(join(directory, 'nats-ca.pem'), { text: natsCa, mode: 0o644 })
  const text = receiverYaml({
    name,
    agent,
    nats:
      nats === undefined
        ? null
        : { server: nats.server, credentialsFile: 'nats.seed', ca: natsCa === null ? null : 'nats-ca.pem' },
    fingerprint,
    ca: ca === null ? null : 'agent-ca.pem',
    certificate: certificate === null ? null : { cert: resolve(certificate.cert), key: resolve(certificate.key) },
    allowPlaintext,
    tokenFile: 'token',
    stateDir: stateDir === null ? null : resolve(stateDir),
    healthListen,
    roots,
    protect,
    owner,
  })
  return files.set(resolve(config), { text, mode: 0o644 })
}

function ownName(): string {
  return hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
}

/** @throws Failure when the daemon would not find the owner that is set on this host */
function refuseUnknownOwners({ roots, systemCalls }: ReceiverConfig): void {
  const { accounts } = chooseSystemCalls(systemCalls).calls
  for (const { owner } of roots)
    if (typeof owner === 'object') fixedOwner(owner, localUsers(accounts), localGroups(accounts))
}

function tokenFileBeside(config: string): string {
  return join(dirname(resolve(config)), 'token')
}

function refuseToOverwrite(paths: readonly string[]): void {
  const there = paths.find((path) => existsSync(path))
  if (there !== undefined) throw new Failure(EXIT.failed, `${there} exists: --force overwrites it`)
}

/** @throws Failure when the daemon would not accept the configuration */
function tryOut(files: ReadonlyMap<string, NewFile>, config: string): ReceiverConfig {
  const trial = mkdtempSync(join(tmpdir(), 'rootferry-join-'))
  try {
    for (const [path, { text }] of files) writeFileSync(join(trial, basename(path)), text, { mode: 0o600 })
    return readReceiverConfig(join(trial, basename(config)), undefined)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.exitCode, error.message.replaceAll(trial, dirname(config)), { cause: error })
  } finally {
    rmSync(trial, { recursive: true })
  }
}

/** The receiver would refuse it when the invitation is used up. @throws Failure */
function refuseSources({ roots, systemCalls }: ReceiverConfig): void {
  for (const { path } of roots)
    new RootLock(path, { role: 'join', systemCalls, warn: () => undefined })[Symbol.dispose]()
}

function install(files: ReadonlyMap<string, NewFile>): void {
  try {
    for (const [path, { text, mode }] of files) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
      writeDurably(path, text, mode)
    }
  } catch (error) {
    throw new Failure(EXIT.failed, errorMessage(error), { cause: error })
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Failure(EXIT.failed, errorMessage(error), { cause: error })
  }
}
