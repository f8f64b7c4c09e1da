/** A path of a root as people type it. Pure. */
import { EXIT, Failure, printable } from '@rootferry/host/machine'
import { isWithin, pathFault, ROOT_PATH } from '@rootferry/protocol'

/**
 * `./media/`, as shells complete it, and `/var/www/shop/media` are both `media`; the root itself is `.`.
 * @param roots absolute paths of the docroots that may be meant
 * @throws Failure (2) when it is a place outside the roots, or no path
 */
export function typedPath(typed: string, roots: readonly string[]): string {
  const path = typed.replace(/^(?:\.\/+)+(?=.)/, '').replace(/(?<=[^/])\/+$/, '')
  if (roots.includes(path)) return ROOT_PATH
  const root = roots.find((each) => isWithin(path, each))
  if (root !== undefined) return path.slice(root.length + 1)
  const fault = path.startsWith('/') ? 'lies outside the roots' : pathFault(path)
  if (fault === null) return path
  const accepted = `a path inside a root is expected, as media or ${roots[0] ?? ''}/media`
  throw new Failure(EXIT.usage, `'${printable(typed)}' ${fault}: ${accepted}`)
}
