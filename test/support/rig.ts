/** Daemons of a test's own with one root: for tests that are about the daemons, or that spoil them. */
import { Daemons, type DaemonsOptions } from './daemons.ts'
import { Site, type SiteOptions } from './site.ts'

export type RigOptions = DaemonsOptions & SiteOptions

export class Rig extends Daemons {
  readonly site: Site

  private constructor(options: RigOptions) {
    super(options)
    this.site = new Site(this, 'site', this.place, options.sourceAt)
  }

  /** Starts everything, without waiting for the first sync. */
  static async start(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options)
    try {
      await rig.site.begin(options)
      return rig
    } catch (error) {
      await rig[Symbol.asyncDispose]()
      throw error
    }
  }

  get source(): string {
    return this.site.source
  }

  get targets(): string[] {
    return this.site.targets
  }

  /** See `Site`. */
  converged(deadlineMs?: number, ignore?: (path: string) => boolean): Promise<void> {
    return this.site.converged(deadlineMs, ignore)
  }

  inSync(deadlineMs?: number): Promise<void> {
    return this.site.inSync(deadlineMs)
  }
}
