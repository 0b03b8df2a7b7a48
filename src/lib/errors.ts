// Errors a person can act on. Message = expected, found, remedy. They keep their kind across worker boundaries.

export type ErrorKind =
  | 'config'
  | 'data'
  | 'shape'
  | 'device'
  | 'checkpoint'
  | 'template'
  | 'storage'
  | 'preflight'
  | 'cancelled'
  | 'internal';

/**
 * Base of all errors that we throw on purpose. `where` names the file, line or field at fault; `details` is plain data for
 * whoever shows the error.
 */
export class StudioError extends Error {
  readonly kind: ErrorKind;
  readonly where?: string;
  readonly details?: unknown;
  constructor(kind: ErrorKind, message: string, options: { cause?: unknown; where?: string; details?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.where = options.where;
    this.details = options.details;
    this.name = `${kind[0]!.toUpperCase()}${kind.slice(1)}Error`;
  }
}
const errorClass = (kind: ErrorKind) =>
  class extends StudioError {
    constructor(message: string, options: { cause?: unknown; where?: string; details?: unknown } = {}) {
      super(kind, message, options);
    }
  };
/** A setting is out of range or contradicts another. */
export class ConfigError extends errorClass('config') {}
/** A dataset, model or tokenizer file is malformed; `where` says the line or path. */
export class DataError extends errorClass('data') {}
/** Tensor shapes disagree. */
export class ShapeError extends errorClass('shape') {}
/** The GPU is absent, lost or out of memory. */
export class DeviceError extends errorClass('device') {}
/** A checkpoint or artifact cannot be read or does not belong to the run. */
export class CheckpointError extends errorClass('checkpoint') {}
/** A chat template fails, loops or explodes. */
export class TemplateError extends errorClass('template') {}
/** The disk or the browser's quota refuses. */
export class StorageError extends errorClass('storage') {}
/** The pre-flight gate stops a run; `details` are its findings. */
export class PreflightError extends errorClass('preflight') {}
/** The person cancelled; never shown as a failure. */
export class CancelledError extends errorClass('cancelled') {}

/** What a browser said in its own words, for who reports the error; undefined where `details` are something else. */
export function rawText(details: unknown): string | undefined {
  const raw = typeof details === 'object' && details !== null && 'raw' in details ? details.raw : undefined;
  return typeof raw === 'string' ? raw : undefined;
}

/** Structured-cloneable form of an error. */
export interface ErrorData {
  kind: ErrorKind;
  name: string;
  message: string;
  where?: string;
  details?: unknown;
  stack?: string;
}

export function toErrorData(error: unknown): ErrorData {
  if (error instanceof StudioError)
    return {
      kind: error.kind,
      name: error.name,
      message: error.message,
      where: error.where,
      ...(error.details !== undefined && { details: error.details }),
      stack: error.stack,
    };
  const e = error instanceof Error ? error : new Error(String(error));
  return { kind: 'internal', name: e.name, message: e.message, stack: e.stack };
}

export function fromErrorData(data: ErrorData): StudioError {
  const error = new StudioError(data.kind, data.message, { where: data.where, details: data.details });
  error.name = data.name;
  if (data.stack) error.stack = data.stack;
  return error;
}
