/** One guard that this code stands on, and the test that defends it. */
export interface Guard {
  /** What is lost when the patch is applied, in a few words; unique. */
  readonly name: string;
  /** The principle of DESIGN §2 that the guard serves, such as `P3`, where there is one. */
  readonly principle?: string;
  /** Path from the root of the package. */
  readonly file: string;
  /** Text that stands exactly once in `file`. */
  readonly find: string;
  /** What stands there instead. It must still load: the test has to fail, not the compiler. */
  readonly replace: string;
  /** `name`: part of the full title ("describe title test title"), taken literally. */
  readonly test: { readonly file: string; readonly name: string };
}
