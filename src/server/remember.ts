/** Answers many who ask at a time with one answer, as long as it is fresh. A failure is not kept. */
export function remember<T>(ask: () => Promise<T>, freshMs: number): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let askedAt = 0;
  return () => {
    const now = performance.now();
    if (answer && now - askedAt < freshMs) return answer;
    const asked = ask();
    answer = asked;
    askedAt = now;
    asked.catch(() => {
      if (answer === asked) answer = undefined;
    });
    return asked;
  };
}
