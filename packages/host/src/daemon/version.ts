/** The version of this software: package.json of the repository is the one place where it stands. Bundles carry it. */
import manifest from '../../../../package.json' with { type: 'json' }

export const VERSION: string = manifest.version
