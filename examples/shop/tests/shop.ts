/**
 * The shop that `examples/shop/up` has built, as tests see it: its servers, their files, and what Rootferry says.
 *
 * Commands run beside the test's own requests, so visitors go on meanwhile.
 */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../../../test/support/until.ts'

const COMMANDS = join(import.meta.dirname, '..')
const SERVICE = '/opt/rootferry/examples/shop/parts/service'
export const DIRECTORY = process.env['ROOTFERRY_SHOP_DIR'] ?? '/var/tmp/rootferry-shop'
const NET = process.env['ROOTFERRY_SHOP_NET'] ?? '10.88.20'
export const SHOP = `https://${NET}.5`
const MARK = 'wp-content/uploads/mark.txt'
/** What app servers leave out, or have besides: see the preset `wordpress`, and `.rootferry` on a file system of its own. */
const OF_ONE_SERVER = ['upgrade', 'upgrade-temp-backup', 'cache', '.rootferry', '.maintenance', '.rootferry-hold']

export type App = 'app1' | 'app2' | 'app3'
export type Server = App | 'admin' | 'front' | 'db1' | 'db2' | 'sessions'
const NUMBERS: Record<App | 'admin', number> = { admin: 10, app1: 11, app2: 12, app3: 13 }
export const APPS: readonly App[] = ['app1', 'app2']

interface Output {
  code: number
  stdout: string
  stderr: string
}

const execute = promisify(execFile)

async function run(file: string, words: readonly string[]): Promise<Output> {
  try {
    const done = await execute(file, words, { maxBuffer: 64 * 1024 * 1024 })
    return { code: 0, ...done }
  } catch (error) {
    const failed = error as Error & Partial<Output>
    if (typeof failed.code !== 'number') throw error
    return { code: failed.code, stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' }
  }
}

async function must(file: string, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(file, words)
  if (code !== 0) throw new Error(`${file} ${words.join(' ')} ended with ${code}: ${stdout}${stderr}`)
  return stdout
}

/** A command of the example, as `power` with `off`, `app2`. */
export function command(name: string, ...words: string[]): Promise<string> {
  return must(join(COMMANDS, name), words)
}

/** What a command in a server prints; any end is an answer. */
export function tryInside(server: Server, ...words: string[]): Promise<Output> {
  return run(join(COMMANDS, 'in'), [server, ...words])
}

export function inside(server: Server, ...words: string[]): Promise<string> {
  return must(join(COMMANDS, 'in'), [server, ...words])
}

/** A script in a server, as its web server's user. */
export function php(server: Server, script: string, ...words: string[]): Promise<string> {
  const file = `/opt/rootferry/examples/shop/tests/${script}`
  const user = ['setpriv', '--reuid', 'www-data', '--regid', 'www-data', '--init-groups']
  return inside(server, ...user, 'php', file, ...words)
}

export async function service(server: Server, verb: 'start' | 'stop' | 'kill', ...names: string[]): Promise<void> {
  await inside(server, SERVICE, verb, ...names)
}

/** Pulls the plug of a server; `on` puts it back, and so does the end of a test that failed before. */
export async function switchOff(server: Server): Promise<AsyncDisposable & { on(): Promise<void> }> {
  await command('power', 'off', server)
  let isOff = true
  const on = async () => {
    if (!isOff) return
    isOff = false
    await command('power', 'on', server)
  }
  return { on, [Symbol.asyncDispose]: on }
}

/** The whole tree of a server that is on, with what is mounted in it, as this machine sees it. */
function rootOf(server: Server): string {
  const tree = join(DIRECTORY, 'servers', server)
  return existsSync(join(tree, 'pid')) ? `/proc/${readFileSync(join(tree, 'pid'), 'utf8').trim()}/root` : tree
}

export function fileOf(server: Server, path: string): string {
  return join(rootOf(server), path)
}

export function docroot(server: Server, path = ''): string {
  return join(rootOf(server), 'var/www/shop', path)
}

/** A web server itself, without nginx and Varnish in front of it. */
export function web(server: App | 'admin', path: string): string {
  return `http://${NET}.${NUMBERS[server]}${path}`
}

export interface ReceiverRow {
  name: string
  state: string
  lastError: string | null
  lag: { sequences: number; seconds: number }
  owed: { count: number; paths: { path: string; code: string }[] }
}

/** What the agent says of its receivers; none while it does not answer. */
export async function receivers(): Promise<ReceiverRow[]> {
  const { stdout } = await tryInside('admin', 'rootferry-agent', 'status', '--json')
  return stdout === '' ? [] : (JSON.parse(stdout) as { receivers: ReceiverRow[] }).receivers
}

let marks = 0

/** Every one of these has all that was changed on the admin server up to now, and is live. */
export async function inSync(names: readonly App[] = APPS, deadlineMs = 60_000): Promise<void> {
  // That the agent knows of no more changes does not say that it has noticed all.
  const mark = `${process.pid} ${marks++}`
  writeFileSync(docroot('admin', MARK), mark)
  let rows: ReceiverRow[] = []
  const has = (name: App) => existsSync(docroot(name, MARK)) && readFileSync(docroot(name, MARK), 'utf8') === mark
  const isLive = (name: App) => rows.some((row) => row.name === name && row.state === 'live' && row.lag.sequences === 0)
  await until(
    async () => {
      rows = await receivers()
      return names.every((name) => has(name) && isLive(name))
    },
    () => JSON.stringify(rows),
    deadlineMs,
  )
}

/** Whether Varnish sends visitors there. */
export async function hasVisitors(app: App): Promise<boolean> {
  const list = await inside('front', 'varnishadm', '-n', '/run/varnishd', 'backend.list')
  return new RegExp(`${app} .*healthy`).test(list)
}

/** Lines for what differs between the docroots of two servers, to the byte; by a tool that is not ours. */
export async function differences(one: Server, other: Server): Promise<string[]> {
  const leftOut = OF_ONE_SERVER.flatMap((name) => ['-x', name])
  const { stdout } = await run('diff', ['-rq', '--no-dereference', ...leftOut, docroot(one), docroot(other)])
  return stdout.split('\n').filter((line) => line !== '')
}
