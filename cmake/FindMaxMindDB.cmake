# Finds MaxMindDB; defines the target MaxMindDB::maxminddb.
find_path(MaxMindDB_INCLUDE_DIR maxminddb.h)
find_library(MaxMindDB_LIBRARY maxminddb)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MaxMindDB REQUIRED_VARS MaxMindDB_LIBRARY MaxMindDB_INCLUDE_DIR)
if(MaxMindDB_FOUND AND NOT TARGET MaxMindDB::maxminddb)
  find_package(Threads REQUIRED)
  add_library(MaxMindDB::maxminddb UNKNOWN IMPORTED)
  set_target_properties(MaxMindDB::maxminddb PROPERTIES IMPORTED_LOCATION "${MaxMindDB_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${MaxMindDB_INCLUDE_DIR}" INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
