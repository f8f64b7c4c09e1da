/** Which files hold a root: those of its preset, or those that its configuration names. Pure. */
import { PathFilter, parentPath, pathFault, ROOT_PATH } from '@rootferry/protocol'
import type { HoldSettings } from '../root-messages.ts'
import { DEFAULT_HOLD, type RootValue } from './agent-file.ts'
import { PRESET_HOLDS, type PresetName } from './presets.ts'

/** @param fault takes what is wrong, and what would be right */
export function holdSettings(
  { preset, hold }: { preset?: string; hold?: RootValue['hold'] },
  exclude: readonly string[],
  fault: (message: string) => void,
): HoldSettings {
  const ofPreset = preset === undefined ? {} : PRESET_HOLDS[preset as PresetName]
  const { while: files, ...others } = { ...DEFAULT_HOLD, ...ofPreset, ...hold }
  const filter = new PathFilter(exclude)
  for (const file of files) {
    const path = file.slice(1)
    const wrong = pathFault(path)
    if (wrong !== null) fault(`while: '${file}' ${wrong}`)
    else if (others.show && filter.excludesWithParents(path, 'file'))
      fault(`show: '${file}' is excluded, and does not travel; ${remedy(path, filter)}`)
  }
  return { ...others, while: files.map((file) => file.slice(1)) }
}

/** No pattern includes what is below an excluded directory. */
function remedy(path: string, filter: PathFilter): string {
  let outermost: string | null = null
  for (let above = parentPath(path); above !== ROOT_PATH; above = parentPath(above))
    if (filter.excludes(above, 'directory')) outermost = above
  if (outermost === null) return `include it with the pattern '!/${path}'`
  const patterns: string[] = []
  for (let inner = path; inner !== outermost; inner = parentPath(inner))
    patterns.unshift(`'/${parentPath(inner)}/*'`, `'!/${inner}'`)
  return `instead of the directory '/${outermost}/' exclude what is in it, with the patterns ${patterns.join(', ')}, or say hold: {show: false}`
}
