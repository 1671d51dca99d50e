/** Which releases this cluster and its kubectl are of. */

/** What the API server and the nodes run. */
export const KUBERNETES_VERSION = 'v1.34.2';
/** The kubectl whose output ours equals. */
export const CLIENT_VERSION = 'v1.35.2';
