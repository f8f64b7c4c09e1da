/**
 * The documents against the code: generated tables are up to date, YAML examples are accepted, links lead somewhere, and
 * the files of the three journeys exist.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, mkdirSync, mkdtempDisposableSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { CONFIGURATION_PAGE, withTables } from '../build/document.ts'
import { readAgentConfig } from '../packages/agent/src/config/agent-yaml.ts'
import { readReceiverConfig } from '../packages/receiver/src/config/receiver-yaml.ts'

const ROOT = join(import.meta.dirname, '..')
const PAGE = readFileSync(CONFIGURATION_PAGE, 'utf8')

test('the tables of docs/configuration.md are those that the schemas make: node build/document.ts', () => {
  assert.equal(PAGE, withTables(PAGE))
})

test('a row of docs/configuration.md that was changed by hand is noticed', () => {
  const changed = PAGE.replace('| `admin.listen` |', '| `admin.port` |')
  assert.notEqual(changed, withTables(changed))
})

test('the example files of docs/configuration.md are accepted', () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'rootferry-documents-'))
  const place = (text: string) => text.replaceAll(/(?<=: )\/var\//g, `${directory.path}/var/`)
  const [agent, receiver] = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => place(text))
  mkdirSync(join(directory.path, 'var/www/shop'), { recursive: true })
  writeFileSync(join(directory.path, 'token'), 'secret\n')
  writeFileSync(join(directory.path, 'agent.yaml'), agent ?? '')
  writeFileSync(join(directory.path, 'receiver.yaml'), receiver ?? '')
  assert.equal(readAgentConfig(join(directory.path, 'agent.yaml')).roots[0]?.name, 'shop')
  assert.equal(readReceiverConfig(join(directory.path, 'receiver.yaml'), undefined).roots[0]?.hooks.length, 1)
})

test('every link between documents leads to a file, and to a heading of it', () => {
  const documents = ['*.md', 'docs/*.md', 'bench/*.md', 'examples/*/*.md'].flatMap((pattern) =>
    globSync(pattern, { cwd: ROOT }),
  )
  assert.ok(documents.length > 8)
  const broken = documents.flatMap((document) => {
    const links = [...readFileSync(join(ROOT, document), 'utf8').matchAll(/\]\((?!https:)([^)#]*)#?([^)]*)\)/g)]
    return links
      .filter(([, file = '', heading = '']) => {
        const path = file === '' ? join(ROOT, document) : join(ROOT, dirname(document), file)
        return !existsSync(path) || (heading !== '' && !headingsOf(path).includes(heading))
      })
      .map(([link]) => `${document}: ${link}`)
  })
  assert.deepEqual(broken, [])
})

test('pictures are small, and every one of them is in a document', () => {
  const pictures = globSync('docs/images/*', { cwd: ROOT })
  assert.ok(pictures.length > 3)
  const texts = ['README.md', ...globSync('docs/*.md', { cwd: ROOT })].map((path) =>
    readFileSync(join(ROOT, path), 'utf8'),
  )
  for (const picture of pictures) {
    assert.ok(statSync(join(ROOT, picture)).size <= 150_000, picture)
    assert.ok(
      texts.some((text) => text.includes(`(${picture})`) || text.includes(`(${picture.slice('docs/'.length)})`)),
      picture,
    )
  }
})

/** Anchors as web pages make them from headings: lower case, without punctuation, hyphens for spaces. */
function headingsOf(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .trim()
      .replaceAll(' ', '-'),
  )
}

test('every file that ARCHITECTURE.md names on a journey exists, and a journey enters it once', () => {
  const journeys = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')
    .split(/^\*\*\((?=[abc]\))/m)
    .slice(1)
  assert.equal(journeys.length, 3)
  for (const journey of journeys) {
    const files = [...(journey.split('\n\n')[0] ?? '').matchAll(/`([\w/-]+\.ts)`/g)].map(([, file = '']) => file)
    assert.ok(files.length > 8, journey)
    const missing = files.filter((file) => {
      return !['agent', 'receiver'].some((daemon) => existsSync(join(ROOT, 'packages', daemon, 'src', file)))
    })
    assert.deepEqual(missing, [], journey)
    assert.equal(new Set(files).size, files.length, journey)
  }
})

test('the README is at most 150 lines long', () => {
  assert.ok(readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n').length <= 151)
})
