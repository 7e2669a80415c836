/** The API from a command's side: one request at a time, and streams of lines. */
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { createInterface } from "node:readline";
import { BUNDLE_TYPE } from "../api/octets.js";
import type { ProblemBody, ProblemCode } from "../api/problem.js";
import { CliError, EXIT, type ExitCode } from "./exit.js";

/** How long a server may be silent before it counts as unreachable. Event streams may be silent for ever. */
const TIMEOUT_MS = 30_000;
/** The same while it takes a bundle: each item is synced to its disk, one after the other. */
const BUNDLE_TIMEOUT_MS = 600_000;

const EXIT_BY_STATUS: Readonly<Record<number, ExitCode>> = {
  400: EXIT.usage,
  401: EXIT.denied,
  403: EXIT.denied,
  404: EXIT.notFound,
  409: EXIT.conflict,
  413: EXIT.usage,
};

/** What the server said no to, in its words. */
export class ApiRefusal extends CliError {
  readonly code: ProblemCode;
  readonly detail: string;
  constructor(exitCode: ExitCode, { code, detail }: Pick<ProblemBody, "code" | "detail">) {
    super(exitCode, `${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
  }
}

export class FleetClient {
  readonly #base: URL;
  readonly #token: string;
  /** What to do when nobody answers. */
  readonly #advice: string;

  constructor(base: URL, token: string, advice: string) {
    this.#base = base;
    this.#token = token;
    this.#advice = advice;
  }

  /** @param path - with its query. @throws CliError */
  async get<T>(path: string): Promise<T> {
    return JSON.parse(await textOf(await this.#send("GET", path))) as T;
  }

  /** A bundle, maybe empty. @throws CliError */
  async getBundle(path: string): Promise<Uint8Array> {
    return new Uint8Array(await bytesOf(await this.#send("GET", path)));
  }

  /** Bytes as they come. @throws CliError also when the server breaks off, or says nothing for too long. */
  async *octets(path: string): AsyncGenerator<Uint8Array, void> {
    const response = await this.#send("GET", path);
    try {
      for await (const chunk of response) yield chunk as Uint8Array;
    } catch (cause) {
      const text = `${this.#base.origin} broke off in the middle of its answer; ${this.#advice}`;
      throw new CliError(EXIT.unreachable, text, { cause });
    } finally {
      response.destroy();
    }
  }

  /** @throws CliError */
  async post<T>(path: string, body: object): Promise<T> {
    const bytes = Buffer.from(JSON.stringify(body));
    return JSON.parse(await textOf(await this.#send("POST", path, { type: "application/json", bytes }))) as T;
  }

  /** @throws CliError */
  async postBundle<T>(path: string, bytes: Uint8Array): Promise<T> {
    const body = { type: BUNDLE_TYPE, bytes };
    return JSON.parse(await textOf(await this.#send("POST", path, body, BUNDLE_TIMEOUT_MS))) as T;
  }

  /** Lines of JSON as they come, until the server ends the stream. @throws CliError */
  async *lines<T>(path: string): AsyncGenerator<T, void> {
    const response = await this.#send("GET", path);
    response.socket.setTimeout(0);
    try {
      for await (const line of createInterface({ input: response })) yield JSON.parse(line) as T;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ECONNRESET") return;
      throw cause;
    } finally {
      response.destroy();
    }
  }

  async #send(
    method: string,
    path: string,
    body?: { readonly type: string; readonly bytes: Uint8Array },
    timeout: number = TIMEOUT_MS,
  ): Promise<IncomingMessage> {
    const url = new URL(path, this.#base);
    const headers = {
      Authorization: `Bearer ${this.#token}`,
      ...(body && { "Content-Type": body.type, "Content-Length": body.bytes.length }),
    };
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send(url, { method, headers, timeout }, resolve);
      request.on("timeout", () => request.destroy(new Error("no answer")));
      request.on("error", reject);
      request.end(body?.bytes);
    }).catch((cause: unknown) => {
      throw new CliError(EXIT.unreachable, `nobody answers at ${url.origin}; ${this.#advice}`, { cause });
    });
    if (response.statusCode !== undefined && response.statusCode < 300) return response;
    throw problemOf(response.statusCode ?? 0, await textOf(response));
  }
}

async function bytesOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function textOf(response: IncomingMessage): Promise<string> {
  return (await bytesOf(response)).toString("utf8");
}

function problemOf(status: number, text: string): CliError {
  const exitCode = EXIT_BY_STATUS[status] ?? EXIT.failed;
  try {
    return new ApiRefusal(exitCode, JSON.parse(text) as ProblemBody);
  } catch {
    return new CliError(
      exitCode,
      `the server answers ${status}, and not as a Daymark server does; check --server`,
    );
  }
}
