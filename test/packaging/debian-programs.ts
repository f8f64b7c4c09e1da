/**
 * Programs of Debian that tests run and that need not be installed: found in PATH, or unpacked without an installation
 * below node_modules/.cache. ROOTFERRY_BALANCERS=1 fetches what is missing there, once.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { REPOSITORY } from '../../build/programs.ts'

const CACHE = join(REPOSITORY, 'node_modules/.cache/debian-programs')

/** Program → its package, and the libraries that a small server lacks. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  haproxy: ['haproxy', 'liblua5.4-0', 'libopentracing-c-wrapper0', 'libopentracing1'],
  varnishd: ['varnish', 'libvarnishapi3', 'libjemalloc2'],
  nginx: ['nginx'],
  apache2: ['apache2-bin', 'libapr1', 'libaprutil1', 'liblua5.3-0'],
}

export interface Program {
  path: string
  /** Where it was unpacked; `/`: it is installed. */
  root: string
  environment: NodeJS.ProcessEnv
}

/** @returns the program, or why a test cannot run it */
export function programOf(name: string): Program | string {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  const installed = places.map((place) => join(place, name)).find((path) => existsSync(path))
  if (installed !== undefined) return { path: installed, root: '/', environment: process.env }
  const root = join(CACHE, name)
  const path = join(root, 'usr/sbin', name)
  if (!existsSync(path) && process.env['ROOTFERRY_BALANCERS'] === '1') unpack(name, root)
  if (!existsSync(path)) return `${name} is not installed; ROOTFERRY_BALANCERS=1 fetches Debian's package`
  const [library = ''] = existsSync(join(root, 'usr/lib')) ? readdirSync(join(root, 'usr/lib')).filter(isTriplet) : []
  const libraries = join(root, 'usr/lib', library)
  return { path, root, environment: { ...process.env, LD_LIBRARY_PATH: libraries } }
}

function unpack(name: string, root: string): void {
  mkdirSync(root, { recursive: true })
  const fetched = spawnSync('apt-get', ['download', ...(PACKAGES[name] ?? [name])], { cwd: root, encoding: 'utf8' })
  if (fetched.status !== 0) throw new Error(`apt-get download: ${fetched.stderr}`)
  for (const file of readdirSync(root).filter((one) => one.endsWith('.deb')))
    execFileSync('dpkg', ['-x', file, '.'], { cwd: root })
}

function isTriplet(name: string): boolean {
  return name.endsWith('-linux-gnu')
}
