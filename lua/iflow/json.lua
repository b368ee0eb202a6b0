--- JSON between text and Lua tables (src/bind/json.c); the same as iflow.json.
return require("iflow.core").json
