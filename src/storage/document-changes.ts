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

/** What a process remembers of documents, and has to doubt while they change. */
export interface Memory {
  /** Somebody is about to change the document. @returns ends it; called twice it does nothing */
  close(key: string): () => void;
  /** Forgets everything, also what is just being read. */
  clear(): void;
  /** Answers from memory only before this time: the server's other processes count on it. */
  trustUntil(time: number): void;
}

export function together(memories: readonly Memory[]): Memory {
  return {
    close: (key) => {
      const opens = memories.map((memory) => memory.close(key));
      return () => {
        for (const open of opens) open();
      };
    },
    clear: () => {
      for (const memory of memories) memory.clear();
    },
    trustUntil: (time) => {
      for (const memory of memories) memory.trustUntil(time);
    },
  };
}
