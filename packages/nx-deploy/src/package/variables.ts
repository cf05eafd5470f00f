/** Variables of the command's own environment that a package is made with. */

/** The passphrase of an encrypted key. */
export const PASSPHRASE_VARIABLE = 'NX_DEPLOY_KEY_PASSPHRASE';
/** The file of the key, for every run that makes a package: also one that Nx starts because something depends on it. */
export const KEY_VARIABLE = 'NX_DEPLOY_SIGN_KEY';
/** What a build cannot know of itself and a CI can tell; it stands in the provenance. */
export const PROVENANCE_VARIABLES = { builder: 'NX_DEPLOY_BUILDER', invocation: 'NX_DEPLOY_INVOCATION', repository: 'NX_DEPLOY_REPOSITORY', branch: 'NX_DEPLOY_BRANCH' } as const;
