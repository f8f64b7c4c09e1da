/**
 * The snippets of packaging/load-balancers with real balancers and real nodes: a node that turns not ready gets no more
 * requests, may then be switched off and on again, and no visitor's request fails.
 *
 * A program that is not installed is skipped with a line that says so.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, get, type Server } from 'node:http'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { REPOSITORY } from '../../build/programs.ts'
import { Daemons } from '../support/daemons.ts'
import { freePort } from '../support/free-port.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'
import { type Program, programOf } from './debian-programs.ts'

const SNIPPETS = join(REPOSITORY, 'packaging/load-balancers')
const PAGE = 'page.txt'
const HOSTS = ['127.0.0.11', '127.0.0.12'] as const

const daemons = new Daemons({ receivers: 2 })
after(() => daemons[Symbol.asyncDispose]())

interface Shop {
  site: Site
  place: string
  /** Of the nodes' web servers, on an address for each. */
  nodePort: number
  /** Of the receivers' probe listeners, on the same addresses. */
  probePort: number
  readyFiles: string[]
}

async function openShop(): Promise<Shop> {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, PAGE), 'welcome') })
  await site.inSync()
  const [nodePort, probePort] = [await freePort(), await freePort()]
  const readyFiles = HOSTS.map((_, number) => join(site.place, `run${number}/ready`))
  for (const [number, host] of HOSTS.entries()) {
    await daemons.receivers[number]?.stop()
    // The port stays the same over the restarts of a test.
    const listen = `127.0.0.1:${await freePort()}`
    daemons.editReceiver(number, (config) => ({
      ...config,
      health: { listen, probe: { listen: `${host}:${probePort}` }, readyFile: readyFiles[number] },
    }))
    await daemons.startReceiver(number)
    await until(
      () => daemons.ready(number),
      () => 'the node is not ready',
    )
  }
  // Programs that start as root serve as another user.
  for (const directory of [daemons.place, site.place, ...site.targets]) chmodSync(directory, 0o755)
  return { site, place: site.place, nodePort, probePort, readyFiles }
}

function snippet(name: string, replaced: Record<string, string>): string {
  let text = readFileSync(join(SNIPPETS, name), 'utf8')
  for (const [from, to] of Object.entries(replaced)) {
    assert.ok(text.includes(from), `${name} has ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

/** A process in the foreground, killed at the end of the test. */
class Running implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  output = ''

  constructor(program: string, words: string[], environment: NodeJS.ProcessEnv) {
    this.#child = spawn(program, words, { env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    this.#child.on('exit', () => resolve())
    this.#child.on('error', (error) => {
      this.output += error.message
      resolve()
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (data: Buffer) => (this.output = (this.output + data.toString()).slice(-4_000)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this.#child
    if (pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null)
      process.kill(-pid, 'SIGTERM')
    const timer = setTimeout(() => pid !== undefined && process.kill(-pid, 'SIGKILL'), 5_000)
    await this.#ended
    clearTimeout(timer)
  }
}

/** The web server of a node: its docroot, and /readyz of its receiver. */
class AppNode implements AsyncDisposable {
  readonly #server: Server
  readonly #host: string
  readonly #port: number

  constructor(shop: Shop, number: number) {
    this.#host = HOSTS[number] ?? ''
    this.#port = shop.nodePort
    this.#server = createServer(async (request, response) => {
      response.setHeader('X-Node', this.#host)
      if (request.url !== '/readyz') response.end(readFileSync(join(shop.site.targets[number] ?? '', PAGE)))
      else {
        const answer = await daemons.health(number, '/readyz').catch(() => null)
        response.writeHead(answer?.status ?? 502).end()
      }
    })
  }

  async on(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.listen(this.#port, this.#host, resolve)
    await promise
  }

  async off(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    this.#server.closeAllConnections()
    await promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.off()
  }
}

interface Visit {
  status: number
  node: string
}

function visit(port: number, path = `/${PAGE}`): Promise<Visit> {
  const { promise, resolve } = Promise.withResolvers<Visit>()
  get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
    response.resume()
    const node = response.headers['x-node']
    response.on('end', () => resolve({ status: response.statusCode ?? 0, node: typeof node === 'string' ? node : '' }))
  }).on('error', () => resolve({ status: 0, node: '' }))
  return promise
}

/** Visitors who never stop asking. */
class Visitors implements AsyncDisposable {
  readonly #port: number
  readonly visits: Visit[] = []
  #isOver = false
  readonly #ended: Promise<void>

  constructor(port: number) {
    this.#port = port
    this.#ended = this.#ask()
  }

  /** Resolves when so many more requests have been answered, by exactly these nodes. */
  async seeOnly(...nodes: string[]): Promise<void> {
    const wanted = JSON.stringify([...nodes].sort())
    await until(
      () => JSON.stringify([...new Set(this.visits.slice(-20).map(({ node }) => node))].sort()) === wanted,
      () => `the last visits were ${JSON.stringify(this.visits.slice(-20))}`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#ended
  }

  async #ask(): Promise<void> {
    while (!this.#isOver) {
      this.visits.push(await visit(this.#port))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

/** The scene of every balancer. @param nodes switches the web server of the second node off and on */
async function goesOutAndComesBack(port: number, nodes: { off(): Promise<void>; on(): Promise<void> }): Promise<void> {
  await until(
    async () => (await visit(port)).status === 200,
    () => 'the balancer does not answer',
  )
  await using visitors = new Visitors(port)
  await visitors.seeOnly(...HOSTS)
  const first = visitors.visits.findIndex(({ status }) => status === 200)
  await daemons.receivers[1]?.stop()
  await visitors.seeOnly(HOSTS[0])
  await nodes.off()
  const before = visitors.visits.length
  await until(
    () => visitors.visits.length > before + 50,
    () => 'nobody came',
  )
  await nodes.on()
  const returned = visitors.visits.length
  await until(
    () => visitors.visits.length > returned + 50,
    () => 'nobody came',
  )
  assert.deepEqual(new Set(visitors.visits.slice(returned).map(({ node }) => node)), new Set([HOSTS[0]]))
  await daemons.startReceiver(1)
  await visitors.seeOnly(...HOSTS)
  const failed = visitors.visits.slice(first).filter(({ status }) => status !== 200)
  assert.deepEqual(failed, [], `${failed.length} of ${visitors.visits.length} requests failed`)
  assert.equal((await visit(port, '/readyz')).status === 200, false, 'visitors do not reach probes')
}

/** @param names the balancer, and what else it needs */
function balancerTest(title: string, names: string[], run: (...programs: Program[]) => Promise<void>): void {
  const programs = names.map(programOf)
  const missing = programs.find((program) => typeof program === 'string')
  test(title, { timeout: 120_000 }, async (t) => {
    if (missing === undefined) await run(...programs.filter((program) => typeof program !== 'string'))
    else t.skip(missing)
  })
}

balancerTest('HAProxy asks the probe listener of each receiver', ['haproxy'], async ({ path, environment }) => {
  const shop = await openShop()
  const port = await freePort()
  const backend = snippet('haproxy.cfg', {
    '10.0.0.11:80': `${HOSTS[0]}:${shop.nodePort}`,
    '10.0.0.12:80': `${HOSTS[1]}:${shop.nodePort}`,
    'port 8733': `port ${shop.probePort}`,
  })
  const config = join(shop.place, 'haproxy.cfg')
  writeFileSync(
    config,
    `defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend visitors
    bind 127.0.0.1:${port}
    http-request deny deny_status 404 if { path /readyz }
    default_backend shop
${backend}`,
  )
  await using one = new AppNode(shop, 0)
  await using other = new AppNode(shop, 1)
  await one.on()
  await other.on()
  await using _ = new Running(path, ['-f', config, '-db'], environment)
  await goesOutAndComesBack(port, other)
})

balancerTest('Varnish asks through the web server of each node', ['varnishd'], async ({ path, root, environment }) => {
  const shop = await openShop()
  const port = await freePort()
  const vcl = snippet('varnish.vcl', {
    '.host = "10.0.0.11"; .port = "80"': `.host = "${HOSTS[0]}"; .port = "${shop.nodePort}"`,
    '.host = "10.0.0.12"; .port = "80"': `.host = "${HOSTS[1]}"; .port = "${shop.nodePort}"`,
  })
  const config = join(shop.place, 'shop.vcl')
  // Each visitor's request reaches a node.
  writeFileSync(config, `${vcl}\nsub vcl_recv { return (pass); }\n`)
  const work = join(shop.place, 'varnish')
  mkdirSync(work)
  await using one = new AppNode(shop, 0)
  await using other = new AppNode(shop, 1)
  await one.on()
  await other.on()
  const modules = `${environment['LD_LIBRARY_PATH'] ?? '/usr/lib/x86_64-linux-gnu'}/varnish/vmods`
  const words = ['-F', '-n', work, '-a', `127.0.0.1:${port}`, '-f', config, '-s', 'malloc,16m', '-j', 'none']
  await using running = new Running(
    path,
    [...words, ...(root === '/' ? [] : ['-p', `vmod_path=${modules}`])],
    environment,
  )
  await until(
    async () => (await visit(port)).status !== 0,
    () => running.output,
  )
  await goesOutAndComesBack(port, other)
})

const MODULES = [
  'mpm_event authz_core authz_host unixd headers rewrite slotmem_shm watchdog',
  'proxy proxy_http proxy_balancer proxy_hcheck lbmethod_byrequests',
]

/** A whole configuration of Apache around a part. */
function apacheConf(root: string, place: string, name: string, part: string): string {
  const directory = join(root, 'usr/lib/apache2/modules')
  const modules = MODULES.flatMap((line) => line.split(' ')).map((module) => {
    const object = join(directory, `mod_${module}.so`)
    // Debian builds some of them in.
    return `<IfModule !${module}_module>\n<IfFile ${object}>\nLoadModule ${module}_module ${object}\n</IfFile>\n</IfModule>`
  })
  const file = join(place, `${name}.conf`)
  const own = [
    `ServerName shop.example`,
    `ServerRoot ${place}`,
    `PidFile ${join(place, `${name}.pid`)}`,
    `ErrorLog ${join(place, `${name}.log`)}`,
    `DefaultRuntimeDir ${place}`,
    ...(process.getuid?.() === 0 ? ['User www-data', 'Group www-data'] : []),
  ]
  writeFileSync(file, `${modules.join('\n')}\n${own.join('\n')}\n${part}`)
  return file
}

/** The web server of a node as a program that is switched off and on. */
class NodeProgram implements AsyncDisposable {
  readonly #start: () => Running
  #running: Running

  constructor(start: () => Running) {
    this.#start = start
    this.#running = start()
  }

  async off(): Promise<void> {
    await this.#running[Symbol.asyncDispose]()
  }

  async on(): Promise<void> {
    this.#running = this.#start()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.off()
  }
}

/** @param refuses the node itself answers 503 while it is not ready */
function apacheNode({ path, root, environment }: Program, shop: Shop, number: number, refuses: boolean): NodeProgram {
  const target = shop.site.targets[number] ?? ''
  const refusal = { '/run/rootferry/ready': shop.readyFiles[number] ?? '' }
  const part = `Listen ${HOSTS[number]}:${shop.nodePort}
Header always set X-Node "${HOSTS[number]}"
DocumentRoot "${target}"
<Directory "${target}">
Require all granted
</Directory>
${snippet('apache-node.conf', { 'http://127.0.0.1:8732': daemons.healthUrl(number) })}
${refuses ? snippet('apache-refuse.conf', refusal) : ''}`
  const file = apacheConf(root, shop.place, `node${number}`, part)
  return new NodeProgram(() => new Running(path, ['-D', 'FOREGROUND', '-f', file], environment))
}

function nginxConf(place: string, name: string, part: string): string {
  const directory = join(place, name)
  mkdirSync(directory)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(directory, kind)};`,
  )
  const http = `http {\naccess_log off;\n${temporary.join('\n')}\n${part}\n}\n`
  const user = process.getuid?.() === 0 ? 'user root;\n' : ''
  writeFileSync(join(directory, 'conf'), `${user}pid ${directory}/pid;\nerror_log stderr;\nevents {}\n${http}`)
  return join(directory, 'conf')
}

function nginxNode({ path, environment }: Program, shop: Shop, number: number, refuses: boolean): NodeProgram {
  const refusal = { '/run/rootferry/ready': shop.readyFiles[number] ?? '' }
  const part = `server {
listen ${HOSTS[number]}:${shop.nodePort};
root "${shop.site.targets[number]}";
add_header X-Node "${HOSTS[number]}" always;
${snippet('nginx-node.conf', { 'http://127.0.0.1:8732': daemons.healthUrl(number) })}
${refuses ? snippet('nginx-refuse.conf', refusal) : ''}}`
  const file = nginxConf(shop.place, `node${number}`, part)
  return new NodeProgram(() => new Running(path, ['-g', 'daemon off;', '-c', file], environment))
}

balancerTest('Apache asks through Apache on each node', ['apache2'], async (program) => {
  const { path, root, environment } = program
  const shop = await openShop()
  const port = await freePort()
  const balancer = `Listen 127.0.0.1:${port}\n${snippet('apache-balancer.conf', {
    '10.0.0.11:80': `${HOSTS[0]}:${shop.nodePort}`,
    '10.0.0.12:80': `${HOSTS[1]}:${shop.nodePort}`,
  })}`
  await using _ = apacheNode(program, shop, 0, false)
  await using other = apacheNode(program, shop, 1, false)
  const file = apacheConf(root, shop.place, 'balancer', balancer)
  await using __ = new Running(path, ['-D', 'FOREGROUND', '-f', file], environment)
  await goesOutAndComesBack(port, other)
})

/** @param upstream the file of upstream servers */
function nginxBalancer({ path, environment }: Program, shop: Shop, port: number, upstream: string) {
  const file = nginxConf(
    shop.place,
    'balancer',
    snippet('nginx-balancer.conf', {
      '/etc/nginx/rootferry-shop.conf': upstream,
      'listen 80;': `listen 127.0.0.1:${port};`,
      'http://shop': `http://${shop.site.name}`,
    }),
  )
  return { file, start: () => new Running(path, ['-g', 'daemon off;', '-c', file], environment) }
}

balancerTest(
  'nginx has a file of upstream servers that the list of ready receivers makes',
  ['nginx'],
  async (program) => {
    const { path, environment } = program
    const shop = await openShop()
    const port = await freePort()
    const upstream = join(shop.place, 'upstream.conf')
    const { file, start } = nginxBalancer(program, shop, port, upstream)
    const places = join(shop.place, 'nodes')
    writeFileSync(places, HOSTS.map((host, number) => `web${number + 1} ${host}:${shop.nodePort}\n`).join(''))
    const reload = join(shop.place, 'reload')
    const isUp = `test -e "${shop.place}/balancer/pid"`
    writeFileSync(reload, `#!/bin/sh\n${isUp} || exit 0\nexec "${path}" -c "${file}" -s reload\n`, { mode: 0o755 })
    await using _ = nginxNode(program, shop, 0, false)
    await using other = nginxNode(program, shop, 1, false)
    await using lister = new Running('/bin/sh', [join(SNIPPETS, 'nginx-upstream'), shop.site.name, upstream], {
      ...environment,
      AGENT: daemons.adminUrl,
      NODES: places,
      RELOAD: reload,
    })
    await until(
      () => lister.output.includes('# web1') && lister.output.includes('# web2'),
      () => lister.output,
    )
    await using __ = start()
    await goesOutAndComesBack(port, other)
    // While the agent is away the last list stays.
    const before = readFileSync(upstream, 'utf8')
    await daemons.killAgent()
    await until(
      () => lister.output.includes('curl:'),
      () => lister.output,
    )
    assert.equal(readFileSync(upstream, 'utf8'), before)
    await daemons.startAgent()
  },
)

for (const kind of ['nginx', 'apache2'] as const)
  balancerTest(`nginx goes to the next node when ${kind} on a node refuses`, ['nginx', kind], async (program, node) => {
    const shop = await openShop()
    const port = await freePort()
    const upstream = join(shop.place, 'upstream.conf')
    const servers = HOSTS.map((host) => `server ${host}:${shop.nodePort} max_fails=1 fail_timeout=1s;\n`)
    writeFileSync(upstream, `upstream ${shop.site.name} {\n${servers.join('')}}\n`)
    const start = kind === 'nginx' ? nginxNode : apacheNode
    await using _ = start(node, shop, 0, true)
    await using other = start(node, shop, 1, true)
    await using __ = nginxBalancer(program, shop, port, upstream).start()
    await goesOutAndComesBack(port, other)
  })
