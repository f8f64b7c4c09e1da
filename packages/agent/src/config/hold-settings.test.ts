/** Files that hold a root, as the configuration and presets name them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PathFilter } from '@rootferry/protocol'
import { holdSettings } from './hold-settings.ts'
import { PRESET_HOLDS, PRESETS, type PresetName } from './presets.ts'

function faultsOf(file: string, exclude: string[]): string[] {
  const faults: string[] = []
  holdSettings({ hold: { while: [file], show: true } }, exclude, (fault) => faults.push(fault))
  return faults
}

test('the patterns that are named for an excluded file that is to be shown include it', () => {
  for (const [file, exclude] of [
    ['/flag', ['flag']],
    ['/var/.flag', ['/var/']],
    ['/var/run/.flag', ['var/', '*.log']],
    ['/app/var/run/.flag', ['/app/*/']],
  ] as const) {
    const [fault = ''] = faultsOf(file, [...exclude])
    const named = [...fault.slice(fault.indexOf('pattern')).matchAll(/'([^']*)'/g)].flatMap(([, pattern = '']) => [
      pattern,
    ])
    const others = fault.includes('instead') ? exclude.filter((pattern) => !pattern.includes('/')) : exclude
    assert.deepEqual(faultsOf(file, [...others, ...named]), [], fault)
    assert.ok(new PathFilter(named).excludesWithParents(`${file.slice(1)}.other`, 'file') || !fault.includes('instead'))
  }
  assert.deepEqual(faultsOf('/flag', ['*.log']), [])
})

test('a file of which a preset shows that it is there is not excluded by it', () => {
  for (const preset of Object.keys(PRESETS) as PresetName[]) {
    const fault = (message: string) => assert.fail(`${preset}: ${message}`)
    const { while: files, show } = holdSettings({ preset }, Object.keys(PRESETS[preset]), fault)
    assert.deepEqual(files, PRESET_HOLDS[preset]?.while.map((file) => file.slice(1)) ?? [])
    assert.equal(show, PRESET_HOLDS[preset]?.show ?? false)
  }
})
