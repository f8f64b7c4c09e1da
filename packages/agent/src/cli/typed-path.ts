/** A path as shells complete it: `./media/` is `media`. Pure. */
export function typedPath(path: string): string {
  return path.replace(/^(?:\.\/+)+(?=.)/, '').replace(/(?<=[^/])\/+$/, '')
}
