/** Who has to know that a document is about to change, before it does. */
export interface DocumentChanges {
  /**
   * Called before a write is sent to the store. When the promise resolves, no process of this server
   * answers from memory what it knew of the document.
   *
   * @param key    of the document
   * @param exists whether the write replaces a state; else it creates the document
   * @returns ends it, when the write's outcome is known or given up
   */
  begin(key: string, exists: boolean): Promise<() => void>;
}
