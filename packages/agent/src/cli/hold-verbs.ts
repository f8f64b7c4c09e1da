/** The verbs that make a deploy one moment: hold, release, and deploy, which holds, runs a command and releases. */
import { spawn } from 'node:child_process'
import { counted, RefusedByDaemon, size, type Terminal } from '@rootferry/host/daemon'
import { EXIT, errorMessage, Failure, plainMessage, printable } from '@rootferry/host/machine'
import { type Command, InvalidArgumentError } from 'commander'
import { readAgentConfig } from '../config/agent-yaml.ts'
import { Held, type HeldAnswer, Released, type ReleasedAnswer } from '../serve/schemas/releases.ts'
import { AdminClient } from './admin-client.ts'
import { codeOf, Interrupts } from './interrupts.ts'
import { secondsUpTo, timeOption } from './time-option.ts'

const seconds = secondsUpTo(7)
/** What an answer may take beyond the time that receivers are waited for: the whole root is scanned before it. */
const SCAN_MS = 600_000
const MOST_SHOWN = 20
const WAIT_SECONDS = 30
const ROLLING_WAIT_SECONDS = 3_600
/** As shells: a command that cannot be run. */
const NOT_RUN = 127

interface HoldOptions {
  config: string
  reason: string
  for: number
  wait: number
}

/** How a release goes. */
interface WayOptions {
  patience: number
  inParts: boolean
  rolling?: number
  drain: number
  readyWithin: number
}

interface ReleaseOptions extends WayOptions {
  config: string
  dryRun: boolean
  acceptLosses: boolean
  wait?: number
  json: boolean
}

/** Calls what starts a process, so that the process has the umask with which this program was started. */
export type WithCallersUmask = <Started>(start: () => Started) => Started

export interface HoldVerbsParts {
  terminal: Terminal
  environmentToken: string | undefined
  withCallersUmask: WithCallersUmask
}

/** @param withConfig adds the option that names the configuration file */
export function addHoldVerbs(program: Command, withConfig: (command: Command) => Command, parts: HoldVerbsParts): void {
  const { terminal, environmentToken } = parts
  const client = (file: string) => new AdminClient(readAgentConfig(file), environmentToken)
  const holding = (command: Command) =>
    withConfig(command)
      .option('--reason <text>', 'what for: status and log say it', '')
      .addOption(
        timeOption(
          '--for <time>',
          'after this long the hold is overdue, which status, log and a metric say',
          seconds,
          '15m',
        ),
      )
      .addOption(timeOption('--wait <time>', 'how long receivers have to get what was there before', seconds, '10s'))

  holding(program.command('hold <root>').description('send nothing that changes from now on, until the release'))
    .addHelpText('after', HOLD_HELP)
    .action(async (root: string, options: HoldOptions) => {
      const order = hold(client(options.config), root, options)
      const held = await new Interrupts(terminal).before(order, afterHold(root))
      terminal.say(heldText(held))
      if (held.behind.length > 0) terminal.endWith(EXIT.degraded)
    })

  withWay(withConfig(program.command('release <root>').description('send everything that waits to all receivers')))
    .option('--dry-run', 'show what waits, and release nothing', false)
    .option('--accept-losses', 'release although the guard objects to what was deleted', false)
    .option('--wait <time>', 'how long receivers are waited for (default: 30s, in a rolling release 1h)', seconds)
    .option('--json', 'print the answer of POST /v1/roots/ROOT/release', false)
    .addHelpText('after', RELEASE_HELP)
    .action(async (root: string, options: ReleaseOptions) => {
      const order = release(client(options.config), root, options)
      const goesOn = options.dryRun ? 'nothing was released' : afterRelease(root)
      const released = await new Interrupts(terminal).before(order, goesOn)
      terminal.out(options.json ? `${JSON.stringify(released, null, 2)}\n` : releaseText(released))
      if (!isComplete(released)) terminal.endWith(EXIT.degraded)
    })

  withWay(
    holding(
      program.command('deploy <root> <command...>').description('hold, run a command, and release when it succeeds'),
    ),
  )
    .addHelpText('after', DEPLOY_HELP)
    .action((root: string, words: string[], options: HoldOptions & WayOptions) =>
      deploy(client(options.config), root, { words, ...options }, parts),
    )
}

async function deploy(
  agent: AdminClient,
  root: string,
  { words, ...options }: HoldOptions & WayOptions & { words: string[] },
  { terminal, withCallersUmask }: HoldVerbsParts,
): Promise<void> {
  const interrupts = new Interrupts(terminal)
  const reason = options.reason === '' ? words.join(' ').slice(0, 200) : options.reason
  const ordered = hold(agent, root, { ...options, reason })
  const held = await interrupts.before(ordered, `the command was not run, and ${afterHold(root)}`)
  terminal.say(heldText(held))
  const code = await run(words, terminal, interrupts, withCallersUmask)
  if (code !== 0) {
    terminal.say(`the command ended with ${code}: ${printable(root)} stays held. ${whatNow(root)}\n`)
    return terminal.endWith(code)
  }
  const { wait: _, ...way } = options
  const order = { ...way, dryRun: false, acceptLosses: false, hold: held.id }
  const released = release(agent, root, order).catch((error: unknown) => {
    if (!(error instanceof Failure) || isOfAnother(error)) throw error
    throw new Failure(error.exitCode, `${errorMessage(error)} Then: release ${printable(root)}`, { cause: error })
  })
  const answer = await interrupts.before(released, afterRelease(root))
  terminal.say(releaseText(answer))
  if (!isComplete(answer)) terminal.endWith(EXIT.degraded)
}

function withWay(command: Command): Command {
  return command
    .addOption(
      timeOption('--patience <time>', 'a receiver that stages for longer is left behind, and not ready', seconds, '5s'),
    )
    .option('--in-parts', 'release more than 200,000 changes in several commits', false)
    .option('--rolling <number>', 'so many receivers at a time are not ready, commit, and are ready again', number)
    .addOption(
      timeOption('--drain <time>', 'in a rolling release, how long requests under way have to end', seconds, '5s'),
    )
    .addOption(
      timeOption('--ready-within <time>', 'in a rolling release, a receiver that takes longer stops it', seconds, '5m'),
    )
}

function number(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('A number of receivers is expected, from 1 on.')
  return Number(text)
}

const RELEASE_HELP = `
All receivers commit together, each when all have staged everything. With --rolling N they take turns: /readyz of a
receiver answers 503, after --drain it commits, its hooks run, and when it is ready again the next one follows. The first
receiver that fails stops that, and the root stays held.

Ends with 3 when a receiver has not got everything in that time, or is offline. When it has not gone by then, because
receivers are still staging it or wait for their turns, it goes on, and the root is held until it goes. It does not go, and
the root stays held, when nobody can stage it within 5 minutes.`

const HOLD_HELP = `
Begin the deploy when this command has ended. It ends with 3 when a receiver did not get in time what was there before:
that receiver waits for the release. No hold ends by itself.`

const DEPLOY_HELP = `
Example:
  rootferry-agent deploy shop -- ./deploy.sh --production

Ends with the code of the command when that fails, and then the root stays held: release it when the tree is right.`

/** Somebody has released the root meanwhile: what to do now is theirs to say. */
function isOfAnother(error: Failure): boolean {
  return error instanceof RefusedByDaemon && (error.code === 'held' || error.code === 'not-held')
}

function whatNow(root: string): string {
  return `Put the tree right, look with: release --dry-run ${printable(root)}, and then: release ${printable(root)}`
}

function afterHold(root: string): string {
  return `${printable(root)} is held, or will be. Look with: status, and to end that: release ${printable(root)}`
}

function afterRelease(root: string): string {
  return `the release of ${printable(root)} was ordered, and goes on. Look with: status`
}

function hold(client: AdminClient, root: string, { reason, for: forSeconds, wait }: Omit<HoldOptions, 'config'>) {
  const body = { reason, forSeconds, waitSeconds: wait }
  return client.post(`/v1/roots/${encodeURIComponent(root)}/hold`, body, Held, wait * 1000 + SCAN_MS)
}

function release(
  client: AdminClient,
  root: string,
  options: Pick<ReleaseOptions, 'dryRun' | 'acceptLosses' | 'wait'> & WayOptions & { hold?: string },
) {
  const { dryRun, acceptLosses, inParts, patience, rolling = null, drain, readyWithin, hold = null } = options
  const { wait = rolling === null ? WAIT_SECONDS : ROLLING_WAIT_SECONDS } = options
  const way = { patienceSeconds: patience, rolling, drainSeconds: drain, readySeconds: readyWithin }
  const body = { dryRun, acceptLosses, inParts, hold, waitSeconds: wait, ...way }
  return client.post(`/v1/roots/${encodeURIComponent(root)}/release`, body, Released, wait * 1000 + SCAN_MS)
}

/** Runs a command in this terminal. @returns its exit code, as a shell has it */
async function run(
  [command = '', ...words]: string[],
  terminal: Terminal,
  interrupts: Interrupts,
  withCallersUmask: WithCallersUmask,
): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const child = withCallersUmask(() => spawn(command, words, { stdio: 'inherit' }))
  interrupts.goTo((signal) => {
    if (signal === 'SIGTERM' || !terminal.isForeground()) child.kill(signal)
    terminal.say(`${signal}: waiting for the command. If another one ends this first, the root stays held\n`)
  })
  child.on('error', (error) => {
    terminal.say(`${printable(command)} cannot be run: ${plainMessage(error)}\n`)
    resolve(NOT_RUN)
  })
  child.on('exit', (code, signal) => resolve(code ?? (signal === null ? EXIT.failed : codeOf(signal))))
  return promise
}

function isComplete({ receivers }: ReleasedAnswer): boolean {
  return receivers.every(({ state }) => state === 'committed')
}

function heldText({ root, sequence, behind }: HeldAnswer): string {
  const late = behind.length === 0 ? '' : `; behind, and waiting for the release: ${behind.join(', ')}`
  return `${root} is held at ${sequence}${late}\n`
}

function releaseText(answer: ReleasedAnswer): string {
  const { root, released, held, parts, changes, bytes, loss, paths, receivers } = answer
  const what = `${counted(changes, 'change')}, ${size(bytes)}`
  if (!released) {
    const more = paths.length < changes || paths.length > MOST_SHOWN ? [`and more: --json lists up to 1,000`] : []
    const verdict = loss === null ? 'the guard lets it pass' : `the guard objects: ${loss}`
    return `${[`${root} would release ${what}; ${verdict}`, ...paths.slice(0, MOST_SHOWN).map((path) => `  ${printable(path)}`), ...more].join('\n')}\n`
  }
  const rows = receivers.map(
    ({ name, state, seconds: took }) => `  ${name}: ${state}${took === null ? '' : ` after ${took} s`}`,
  )
  const times = parts === 1 ? '' : ` in ${parts} parts`
  const head = held
    ? `${root} is still held while its release${times} goes on: ${what}; status says when it is over`
    : `${root} is released${times}: ${what}`
  return `${[head, ...rows].join('\n')}\n`
}
