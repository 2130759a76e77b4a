@echo off
rem A terminal in which the programs are found by their names.
set "PATH=%~dp0bin;%~dp0bin\examples;%PATH%"
cd /d "%~dp0"
if not "%~1"=="" (%* & exit /b)
echo The programs are found by their names: try  demo
cmd /k
