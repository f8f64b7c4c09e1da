/**
 * A Debian host of a test's own: systemd booted by systemd-nspawn over an image that `debootstrap` made, with a layer on
 * top that is thrown away at the end. It shares the network of this machine, and nothing else.
 *
 * The image is kept below node_modules/.cache, so that only the first run fetches packages.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { REPOSITORY } from '../../build/programs.ts'
import { until } from '../support/until.ts'

const IMAGES = join(REPOSITORY, 'node_modules/.cache/hosts')
/** What a small server has, what it needs to boot here, and what apt would bring: no host reaches an archive. */
const PACKAGES = 'systemd,systemd-sysv,dbus,ca-certificates,libatomic1'
const UBUNTU = ['jammy', 'noble']
const DEADLINE_MS = 180_000

/** Why no host can be booted here; null: it can. */
export function whyNoHosts(): string | null {
  if (process.getuid?.() !== 0) return 'hosts are booted by root'
  const tools = ['debootstrap', 'systemd-nspawn', 'nsenter']
  const missing = tools.filter((tool) => spawnSync('which', [tool]).status !== 0)
  return missing.length > 0 ? `${missing.join(', ')}: not installed` : null
}

export class BootedHost implements AsyncDisposable {
  readonly name: string
  /** Its filesystem, seen from here. */
  readonly root: string
  readonly #place: string
  #machine: ChildProcess | null = null

  private constructor(name: string, image: string) {
    this.name = name
    this.#place = mkdtempSync(join(tmpdir(), `rootferry-${name}-`))
    for (const part of ['upper', 'work', 'root']) mkdirSync(join(this.#place, part))
    this.root = join(this.#place, 'root')
    const layers = `lowerdir=${image},upperdir=${join(this.#place, 'upper')},workdir=${join(this.#place, 'work')}`
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers, this.root])
  }

  /** @param suite of Debian or Ubuntu, as `bookworm` or `noble` */
  static async boot(name: string, suite: string): Promise<BootedHost> {
    const host = new BootedHost(name, imageOf(suite))
    try {
      await host.#boot()
    } catch (error) {
      await host[Symbol.asyncDispose]()
      throw error
    }
    return host
  }

  /** Runs a command on the host. @returns what it wrote. @throws Error with what it said, for another exit code than 0 */
  run(...command: string[]): string {
    const { status, stdout, stderr } = this.tryTo(...command)
    if (status !== 0) throw new Error(`${this.name}: ${command.join(' ')}: exit code ${status}\n${stdout}${stderr}`)
    return stdout
  }

  /** The same for a command that may fail. */
  tryTo(...command: string[]): { status: number | null; stdout: string; stderr: string } {
    const inside = ['-t', this.#leader(), '-a', '/usr/bin/env', '-i', 'PATH=/usr/sbin:/usr/bin', 'TERM=dumb']
    const all = [...inside, 'DEBIAN_FRONTEND=noninteractive', ...command]
    return spawnSync('nsenter', all, { encoding: 'utf8', timeout: DEADLINE_MS })
  }

  async reboot(): Promise<void> {
    await this.#powerOff()
    await this.#boot()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#powerOff()
    execFileSync('umount', [this.root])
    rmSync(this.#place, { recursive: true, force: true })
  }

  async #boot(): Promise<void> {
    const words = ['--quiet', '--register=no', '--keep-unit', '--console=pipe', `--machine=${this.name}`]
    const machine = spawn('systemd-nspawn', [...words, '-D', this.root, '--boot'], { stdio: 'ignore', detached: true })
    this.#machine = machine
    const isUp = () => /^(?:running|degraded)/.test(this.tryTo('systemctl', 'is-system-running').stdout)
    await until(isUp, () => `${this.name} does not come up`, DEADLINE_MS)
  }

  async #powerOff(): Promise<void> {
    const machine = this.#machine
    if (machine === null || machine.exitCode !== null || machine.signalCode !== null) return
    const ended = once(machine, 'close')
    // It passes that on as a wish to power off.
    machine.kill('SIGTERM')
    await ended
  }

  /** Its first process, by the number that it has here. Asked anew: while it starts, another one is in its place. */
  #leader(): string {
    const pid = this.#machine?.pid
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0] || '0'
  }
}

function imageOf(suite: string): string {
  const image = join(IMAGES, suite)
  if (existsSync(image)) return image
  mkdirSync(IMAGES, { recursive: true })
  const made = mkdtempSync(join(IMAGES, 'making-'))
  // Debian's debootstrap knows no Ubuntu that is newer than itself; all are made alike.
  const elsewhere = UBUNTU.includes(suite) ? ['http://archive.ubuntu.com/ubuntu', 'gutsy'] : []
  const words = ['--variant=minbase', `--include=${PACKAGES}`, suite, made, ...elsewhere]
  execFileSync('debootstrap', words, { stdio: 'ignore' })
  renameSync(made, image)
  return image
}
