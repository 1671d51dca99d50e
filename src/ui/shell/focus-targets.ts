/** The ids by which keys and the palette find what to focus. */
export const EDITOR_BODY = 'editor-body';
export const TERMINAL_INPUT = 'terminal-input';
export const TIMELINE_FILTER = 'timeline-filter';
