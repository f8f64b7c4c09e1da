/** What we are compared with: an rsync daemon and an sshd of our own, on loopback, with keys made for the run. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../test/support/rig.ts'

export type PeerName = 'rsync daemon' | 'rsync over SSH'

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
    if (peers.names().length < 2) console.log('not installed here, so not compared: rsync, or sshd')
    return peers
  }

  names(): PeerName[] {
    const names: PeerName[] = []
    if (this.#sshPort > 0) names.push('rsync over SSH')
    if (this.#daemonPort > 0) names.push('rsync daemon')
    return names
  }

  /** Copies a tree to an empty or older target. @returns seconds */
  async copy(name: PeerName, source: string, target: string): Promise<number> {
    mkdirSync(target, { recursive: true })
    const began = performance.now()
    const ssh = `ssh -p ${this.#sshPort} -i ${join(this.#place, 'key')} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`
    const parameters =
      name === 'rsync daemon'
        ? ['-a', '--delete', `${source}/`, `rsync://127.0.0.1:${this.#daemonPort}/all${target}/`]
        : ['-a', '--delete', '-e', ssh, `${source}/`, `127.0.0.1:${target}/`]
    await promisify(execFile)('rsync', parameters)
    return (performance.now() - began) / 1000
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
