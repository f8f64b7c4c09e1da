/**
 * The programs that Rootferry is compared with, if they are installed: tar, an rsync daemon, rsync over an sshd of the
 * bench's own, and lsyncd, all on loopback, with keys made for the run.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../test/support/free-port.ts'
import { until } from '../test/support/until.ts'

export const COPIERS = ['rsync over SSH', 'rsync daemon', 'tar to tar'] as const
/** Copies a whole tree, and ends. */
export type Copier = (typeof COPIERS)[number]

export class Peers implements AsyncDisposable {
  readonly #processes: ChildProcess[] = []
  readonly #place: string
  #daemonPort = 0
  #sshPort = 0

  private constructor(place: string) {
    this.#place = place
  }

  static async start(place: string): Promise<Peers> {
    const peers = new Peers(join(place, 'peers'))
    mkdirSync(peers.#place, { mode: 0o700 })
    if (existsSync('/usr/bin/rsync')) await peers.#startDaemon()
    if (existsSync('/usr/bin/rsync') && existsSync('/usr/sbin/sshd')) await peers.#startSsh()
    const missing = COPIERS.filter((name) => !peers.has(name))
    if (missing.length > 0) console.log(`not installed here, so not compared: ${missing.join(', ')}`)
    return peers
  }

  has(name: Copier): boolean {
    if (name === 'rsync over SSH') return this.#sshPort > 0
    return name === 'tar to tar' || this.#daemonPort > 0
  }

  get hasLsyncd(): boolean {
    return this.#daemonPort > 0 && existsSync('/usr/bin/lsyncd')
  }

  /** The servers among the peers: the cost of a copy on the other side is theirs. */
  get pids(): number[] {
    return this.#processes.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }

  /** Copies a tree to an empty or older target. */
  async copy(name: Copier, source: string, target: string): Promise<void> {
    mkdirSync(target, { recursive: true })
    const run = promisify(execFile)
    if (name === 'tar to tar') {
      await run('sh', ['-c', 'tar -C "$0" -cf - . | tar -C "$1" -xpf -', source, target])
      return
    }
    const to =
      name === 'rsync daemon'
        ? [`${source}/`, `rsync://127.0.0.1:${this.#daemonPort}/all${target}/`]
        : ['-e', this.sshCommand, `${source}/`, `127.0.0.1:${target}/`]
    await run('rsync', ['-a', '--delete', ...to])
  }

  /** For `rsync -e`. */
  get sshCommand(): string {
    const options = 'StrictHostKeyChecking=no UserKnownHostsFile=/dev/null LogLevel=ERROR'.split(' ')
    const key = join(this.#place, 'key')
    return `ssh -p ${this.#sshPort} -i ${key} ${options.map((option) => `-o ${option}`).join(' ')}`
  }

  /** lsyncd without its delay, feeding the rsync daemon, after its first copy. */
  async lsyncd(source: string, target: string): Promise<AsyncDisposable> {
    await this.copy('rsync daemon', source, target)
    const place = mkdtempSync(join(this.#place, 'lsyncd-'))
    const [config, status] = [join(place, 'lsyncd.lua'), join(place, 'status')]
    writeFileSync(
      config,
      `settings { nodaemon = true, statusFile = "${status}", statusInterval = 1, logfile = "/dev/null" }
sync { default.rsync, source = "${source}", target = "rsync://127.0.0.1:${this.#daemonPort}/all${target}", delay = 0, rsync = { archive = true } }
`,
    )
    const lsyncd = spawn('lsyncd', [config], { stdio: 'ignore' })
    await until(
      () => existsSync(status),
      () => 'lsyncd does not start',
      60_000,
    )
    return {
      [Symbol.asyncDispose]: async () => {
        const ended = once(lsyncd, 'exit')
        lsyncd.kill('SIGKILL')
        await ended
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) process.kill('SIGKILL')
    await Promise.all(
      this.#processes.map((process) =>
        process.exitCode === null && process.signalCode === null ? once(process, 'exit') : null,
      ),
    )
  }

  async #startDaemon(): Promise<void> {
    this.#daemonPort = await freePort()
    const config = join(this.#place, 'rsyncd.conf')
    const identity = process.getuid?.() === 0 ? 'uid = 0\ngid = 0\n' : ''
    writeFileSync(
      config,
      `port = ${this.#daemonPort}\naddress = 127.0.0.1\nuse chroot = no\n${identity}[all]\npath = /\nread only = no\n`,
    )
    this.#processes.push(spawn('rsync', ['--daemon', '--no-detach', `--config=${config}`], { stdio: 'ignore' }))
    await reachable(this.#daemonPort)
  }

  async #startSsh(): Promise<void> {
    this.#sshPort = await freePort()
    for (const key of ['key', 'host'])
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(this.#place, key)])
    execFileSync('cp', [join(this.#place, 'key.pub'), join(this.#place, 'authorized')])
    chmodSync(join(this.#place, 'authorized'), 0o600)
    mkdirSync('/run/sshd', { recursive: true })
    const options = [
      `Port=${this.#sshPort}`,
      'ListenAddress=127.0.0.1',
      `HostKey=${join(this.#place, 'host')}`,
      `AuthorizedKeysFile=${join(this.#place, 'authorized')}`,
      'PasswordAuthentication=no',
      'StrictModes=no',
      'PermitRootLogin=yes',
      'UsePAM=no',
      'PidFile=none',
      'MaxStartups=100',
    ]
    this.#processes.push(
      spawn('/usr/sbin/sshd', ['-D', '-f', '/dev/null', ...options.flatMap((option) => ['-o', option])], {
        stdio: 'ignore',
      }),
    )
    await reachable(this.#sshPort)
  }
}

async function reachable(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const socket = connect(port, '127.0.0.1')
    const answer = await Promise.race([once(socket, 'connect'), once(socket, 'error').then(() => null)]).catch(
      () => null,
    )
    socket.destroy()
    if (answer !== null) return
    await delay(50)
  }
  throw new Error(`nothing listens on port ${port}`)
}
