/* embed.c -- a tool of the build: writes the Lua files as C arrays (struct ifl_embedded_file, see
 * embedded.h), as text and as this Lua's bytecode. Compiling the text was half of what a short run
 * cost.
 *   embed OUT ROOT FILE…      files below the directory ROOT, or modules from elsewhere */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const char *why)
{
  fprintf(stderr, "embed: %s: %s\n", what, why);
  return -1;
}

/* "iflow/cmd/run.lua" of a file below root, "argparse.lua" of another. */
static const char *name_of(const char *root, const char *path)
{
  size_t n = strlen(root);
  if (strncmp(path, root, n) == 0 && path[n] == '/') return path + n + 1;
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

struct array {
  FILE *out;
  unsigned long size;
};

/* A lua_Writer. */
static int add(lua_State *L, const void *data, size_t n, void *payload)
{
  struct array *a = payload;
  const unsigned char *p = data;
  (void)L;
  for (size_t i = 0; i < n; i++) fprintf(a->out, (a->size + i) % 32 == 31 ? "%u,\n" : "%u,", p[i]);
  a->size += n;
  return ferror(a->out);
}

/* The text of a file; NULL and a message when it cannot be read. The caller frees it. */
static char *read_text(const char *path, size_t *n)
{
  FILE *f = fopen(path, "rb");
  char *text = NULL;
  if (f == NULL || fseek(f, 0, SEEK_END) != 0 || ftell(f) < 0) {
    fail(path, "cannot be read");
  } else {
    *n = (size_t)ftell(f);
    rewind(f);
    text = malloc(*n + 1);
    if (text != NULL && fread(text, 1, *n, f) != *n) {
      fail(path, "cannot be read");
      free(text);
      text = NULL;
    }
  }
  if (f != NULL) fclose(f);
  return text;
}

/* The bytecode keeps lines and names: errors and tracebacks are the same as of the text. */
static int write_code(lua_State *L, FILE *out, const char *name, const char *text, size_t n,
                      int number)
{
  struct array a = { out, 0 };
  lua_settop(L, 0);
  const char *chunk = lua_pushfstring(L, "@%s", name);
  if (luaL_loadbufferx(L, text, n, chunk, "t") != LUA_OK) return fail(name, lua_tostring(L, -1));
  fprintf(out, "static const unsigned char code_%d[] = {", number);
  if (lua_dump(L, add, &a, 0) != 0) return fail(name, "cannot be written");
  fprintf(out, "0};\n");
  return 0;
}

static int write_file(lua_State *L, FILE *out, const char *root, const char *path, int number)
{
  struct array a = { out, 0 };
  size_t n = 0;
  char *text = read_text(path, &n);
  if (text == NULL) return -1;
  fprintf(out, "static const unsigned char text_%d[] = {", number);
  add(L, text, n, &a);
  fprintf(out, "0};\n"); /* makes an empty file an array, too; not counted */
  int rc = write_code(L, out, name_of(root, path), text, n, number);
  free(text);
  return rc;
}

static void write_list(FILE *out, const char *root, int count, char **paths)
{
  fprintf(out, "\nconst char ifl_embedded_lua[] = \"%s\";\n", lua_ident);
  fprintf(out, "const struct ifl_embedded_file ifl_embedded_files[] = {\n");
  for (int i = 0; i < count; i++)
    fprintf(out, "  {\"%s\", text_%d, sizeof text_%d - 1, code_%d, sizeof code_%d - 1},\n",
            name_of(root, paths[i]), i, i, i, i);
  fprintf(out, "  {NULL, NULL, 0, NULL, 0}};\n");
}

int main(int argc, char **argv)
{
  if (argc < 3) return fail("usage", "embed OUT ROOT FILE…") < 0;
  FILE *out = fopen(argv[1], "wb");
  lua_State *L = luaL_newstate();
  int rc = out != NULL && L != NULL ? 0 : fail(argv[1], "cannot be made");
  if (rc == 0) {
    fprintf(out, "/* Made by src/host/embed/embed.c from the files of lua/. */\n");
    fprintf(out, "#include \"host/embedded.h\"\n\n");
  }
  for (int i = 3; rc == 0 && i < argc; i++) rc = write_file(L, out, argv[2], argv[i], i - 3);
  if (rc == 0) write_list(out, argv[2], argc - 3, argv + 3);
  if (out != NULL && fclose(out) != 0) rc = fail(argv[1], "cannot be written");
  if (L != NULL) lua_close(L);
  if (rc < 0) remove(argv[1]);
  return rc < 0;
}
