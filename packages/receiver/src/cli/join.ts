/**
 * `rootferry-receiver join`: from an invitation to a configuration that is known to work.
 *
 * First the new files are read from a temporary directory as the daemon would read them, then the agent is asked, and
 * only then are the files put in place. A join that fails leaves nothing behind, and overwrites only files that it was
 * told to overwrite. `renew.ts` is for a host that has joined before.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { typedDirectory } from '@rootferry/host/daemon'
import {
  chooseSystemCalls,
  EXIT,
  Failure,
  fixedOwner,
  localGroups,
  localUsers,
  printable,
  RootLock,
} from '@rootferry/host/machine'
import type { Invitation } from '@rootferry/protocol'
import { type ReceiverConfig, readReceiverConfig } from '../config/receiver-yaml.ts'
import { diskOptions } from '../serve/disk-options.ts'
import { firstJoinLine } from '../serve/first-join.ts'
import { checkWithAgent, invitationOf, type NewFile, takeUp } from './take-up.ts'
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
  const invitation = invitationOf(text)
  const roots = wantedRoots(options.roots, invitation)
  const files = filesFor(invitation, roots, options)
  if (!options.force && !options.dryRun) refuseToOverwrite([...files.keys()])
  const config = tryOut(files, resolve(options.config))
  refuseSources(config)
  refuseUnknownOwners(config)
  const grants = await checkWithAgent(config.address, [...roots.keys()])
  // The name is for this host's own status: that of a token of many nodes would be the same on all of them.
  if (grants.many === true)
    for (const [path, file] of filesFor({ ...invitation, name: ownName() }, roots, options)) files.set(path, file)
  if (options.dryRun) return await lookAll(config, options.say)
  await takeUp(config.address, grants, files, tokenFileBeside(options.config))
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
      throw new Failure(EXIT.usage, `--root ${printable(text)}: NAME=DIRECTORY is expected`)
    if (roots.has(name)) throw new Failure(EXIT.usage, `--root ${name} is given twice`)
    roots.set(name, typedDirectory(path))
  }
  return roots
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
  if (there !== undefined)
    throw new Failure(
      EXIT.failed,
      `${there} exists: --renew keeps what it says, with a new token; --force overwrites it`,
    )
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
