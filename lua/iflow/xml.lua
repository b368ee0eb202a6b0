--- XML between text and Lua tables (src/bind/xml.c); the same as iflow.xml.
return require("iflow.core").xml
